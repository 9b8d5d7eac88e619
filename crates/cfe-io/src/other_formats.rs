//! Files that are something else than a table, known by their first bytes.

use crate::table_error::{TableError, TableResult};

/// Files that are not tables to be read here: (first bytes, what it is, how to make a table of it, `FILE` for
/// its name).
const OTHERS: [(&[u8], &str, &str); 22] = [
    (b"FEA1", "a Feather file of version 1", "pandas.read_feather('FILE').to_parquet('table.parquet')"),
    (b"PARE", "an encrypted Parquet file", "write it without encryption"),
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file", "pandas.read_hdf('FILE').to_parquet('table.parquet')"),
    (
        b"SQLite format 3\0",
        "an SQLite database",
        "sqlite3 -csv -header FILE 'select * from TABLE' > table.csv",
    ),
    (b"Obj\x01", "an Avro file", "polars.read_avro('FILE').write_parquet('table.parquet')"),
    (b"ORC", "an ORC file", "pandas.read_orc('FILE').to_parquet('table.parquet')"),
    (b"$FL2", "an SPSS file", "pandas.read_spss('FILE').to_csv('table.csv', index=False)"),
    (b"$FL3", "an SPSS file", "pandas.read_spss('FILE').to_csv('table.csv', index=False)"),
    (b"<stata_dta>", "a Stata file", "pandas.read_stata('FILE').to_csv('table.csv', index=False)"),
    (
        b"\0\0\0\0\0\0\0\0\0\0\0\0\xc2\xea\x81\x60",
        "a SAS file",
        "pandas.read_sas('FILE').to_csv('table.csv', index=False)",
    ),
    (b"MATLAB 5.0 MAT-file", "a MATLAB file", "scipy.io.loadmat('FILE'), then numpy.savez"),
    (
        b"X\n\0\0\0",
        "an R object (RDS)",
        "Rscript -e 'write.csv(readRDS(\"FILE\"), \"table.csv\", row.names = FALSE)'",
    ),
    (
        b"RDX",
        "an R workspace (RData)",
        "load(\"FILE\") in R, then write.csv(NAME, \"table.csv\", row.names = FALSE)",
    ),
    (
        b"RDA",
        "an R workspace (RData)",
        "load(\"FILE\") in R, then write.csv(NAME, \"table.csv\", row.names = FALSE)",
    ),
    (b"%PDF", "a PDF document", "export the table as CSV"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", "7z x FILE"),
    (b"Rar!", "a RAR archive", "unrar x FILE"),
    (b"\x04\x22\x4d\x18", "an LZ4 frame", "lz4 -d FILE"),
    (b"<!DOCTYPE", "a web page", "download the file itself"),
    (b"<html", "a web page", "download the file itself"),
    (b"<table", "a table in HTML", "pandas.read_html('FILE')[0].to_csv('table.csv', index=False)"),
    (b"<?xml", "an XML document", "export the table as CSV"),
];

/// Refuses a file that is something else, by name and with what makes a table of it.
pub(crate) fn refuse_others(head: &[u8], file: &str) -> TableResult<()> {
    let other = |what: &str, cure: &str| {
        Err(TableError::OtherFormat {
            file: file.to_owned(),
            what: what.to_owned(),
            cure: cure.replace("FILE", file),
        })
    };
    if let Some((_, what, cure)) = OTHERS.iter().find(|(magic, ..)| head.starts_with(magic)) {
        return other(what, cure);
    }
    // A safetensors file begins with the length of its header, which is JSON.
    if head.len() > 9 && head[8] == b'{' && memchr::memmem::find(head, b"__metadata__").is_some() {
        let own = memchr::memmem::find(head, b"cf_ensemble").is_some();
        let what = if own { "a model that this program saved" } else { "a safetensors file" };
        return other(what, "give a table of predictions; cfe inspect FILE shows a model");
    }
    if head.len() > 2 && head[0] == 0x80 && (2..=5).contains(&head[1]) {
        return other("a Python pickle", "pandas.read_pickle('FILE').to_parquet('table.parquet')");
    }
    // Versions 105 to 115, in either order of bytes.
    if let [0x69..=0x73, 1 | 2, 1, 0, ..] = head {
        return other("a Stata file", "pandas.read_stata('FILE').to_csv('table.csv', index=False)");
    }
    if head.get(257..262) == Some(b"ustar") {
        return other("a tar archive", "tar xf FILE");
    }
    let text = head.trim_ascii_start();
    if text.len() > 9 && text[..9].eq_ignore_ascii_case(b"@relation") {
        return other(
            "an ARFF file of Weka",
            "scipy.io.arff.loadarff('FILE'), then pandas.DataFrame(...).to_csv('table.csv')",
        );
    }
    Ok(())
}
