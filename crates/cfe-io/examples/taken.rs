//! What is taken for what in the tables that are named: `cargo run -p cfe-io --features parquet,excel
//! --example taken -- FILE...`

use std::process::ExitCode;

use cfe_io::{Source, TableOptions, read_table};

#[expect(clippy::print_stdout, clippy::print_stderr, reason = "it is a program")]
fn main() -> ExitCode {
    let mut code = ExitCode::SUCCESS;
    for file in std::env::args().skip(1) {
        match read_table(Source::new(&file), &TableOptions::default()) {
            Ok(table) => {
                let (m, n) = table.data.predictions().dim();
                println!("{file}: {n} rows, {m} classifiers\n  {}", table.taken);
                table.warnings.iter().for_each(|warning| println!("  warning: {warning}"));
                match table.require_labels() {
                    Ok((negatives, positives)) => {
                        println!("  {negatives} negative, {positives} positive rows of train")
                    }
                    Err(error) => println!("  {error}"),
                }
            }
            Err(error) => {
                eprintln!("{error}");
                code = ExitCode::FAILURE;
            }
        }
    }
    code
}
