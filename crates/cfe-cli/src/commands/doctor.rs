//! `cfe doctor`.

use serde_json::{Value, json};

use cfe_combine::methods::Backend;
use cfe_combine::pipeline::bytes_in_words;
use cfe_core::available_memory;

use super::pretty;
use crate::args::{Doctor, Format};
use crate::error::{CliError, CliResult};
use crate::outputs;

pub(crate) fn run(args: &Doctor) -> CliResult<()> {
    // libtorch is opened and not only looked for: a library that is there may still not load.
    let (torch, trouble) = libtorch();
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let found = json!({
        "version": env!("CARGO_PKG_VERSION"),
        "system": format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
        "features": features(),
        "threads": threads,
        "memory_available": available_memory().map(bytes_in_words),
        "instruction_sets": instruction_sets(),
        "libtorch": torch,
    });
    match args.format {
        Format::Json => outputs::print(&pretty(&found))?,
        Format::Table => {
            let names = [
                "version",
                "system",
                "features",
                "threads",
                "memory_available",
                "instruction_sets",
                "libtorch",
            ];
            let lines = names.map(|name| lines(if name == "version" { "cfe" } else { name }, &found[name]));
            outputs::print(&lines.concat())?;
        }
    }
    // What was found is printed in either case. A wrong libtorch fails the command after that.
    match trouble {
        Some(trouble) => Err(CliError::Check(trouble)),
        None => Ok(()),
    }
}

/// A name and its value; a list of texts on one line, an object as a line for each entry.
fn lines(name: &str, value: &Value) -> String {
    let line = |text: &str| format!("{:<18}{text}\n", name.replace('_', " "));
    match value {
        Value::String(text) => line(text),
        Value::Array(list) => line(&list.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", ")),
        Value::Object(map) => {
            let entry = |(key, value)| lines(&format!("{name} {key}"), value);
            map.iter().map(entry).collect()
        }
        other => line(&other.to_string()),
    }
}

/// Trainers and formats that not every build has.
fn features() -> Vec<String> {
    Backend::available().iter().map(ToString::to_string).chain(["parquet".to_owned()]).collect()
}

/// Those the kernels choose among at run time.
fn instruction_sets() -> Vec<&'static str> {
    #[cfg(any(target_arch = "x86_64", target_arch = "x86"))]
    let found = [
        ("avx2", std::arch::is_x86_feature_detected!("avx2")),
        ("fma", std::arch::is_x86_feature_detected!("fma")),
        ("avx512f", std::arch::is_x86_feature_detected!("avx512f")),
    ];
    #[cfg(target_arch = "aarch64")]
    let found = [("neon", true)];
    #[cfg(not(any(target_arch = "x86_64", target_arch = "x86", target_arch = "aarch64")))]
    let found: [(&str, bool); 0] = [];
    found.into_iter().filter_map(|(name, on)| on.then_some(name)).collect()
}

/// What is known of libtorch, and what is wrong with it.
#[cfg(feature = "torch")]
fn libtorch() -> (Value, Option<String>) {
    // Opening a device loads the library.
    let devices: Vec<String> = ["cpu", "cuda"]
        .into_iter()
        .map(|name| {
            let opened = name.parse::<cfe_torch::Device>().map_err(|e| e.to_string());
            match opened.and_then(|device| device.resolve().map_err(|e| e.to_string())) {
                Ok(device) => device.description,
                Err(why) => format!("{name}: {why}"),
            }
        })
        .collect();
    let info = cfe_torch::libtorch_info();
    let trouble = (info.is_needed_version() == Some(false)).then(|| {
        let found = info.version.clone().unwrap_or_default();
        format!("libtorch {found} is loaded, and {} is needed; see docs/libtorch.md", info.needed)
    });
    let value = json!({
        "version": info.version,
        "path": info.path.map(|path| path.display().to_string()),
        "needed": info.needed,
        "devices": devices,
    });
    (value, trouble)
}

#[cfg(not(feature = "torch"))]
fn libtorch() -> (Value, Option<String>) {
    ("not in this build; `--features torch` adds it (docs/libtorch.md)".into(), None)
}
