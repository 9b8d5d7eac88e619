#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Ok(grid) = cfe_compare::ablate::Grid::parse("input", text) else { return };
    let _ = cfe_compare::ablate::Plan::new(grid, std::path::Path::new("no-such-folder"));
});
