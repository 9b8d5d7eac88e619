#![no_main]

#[path = "../entry.rs"]
#[allow(dead_code, reason = "each target uses a part")]
mod entry;

// A panic within the decoder is caught there and becomes an error; any other ends the run.
libfuzzer_sys::fuzz_target!(
    init: {
        let end = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if !cf_ensemble::io::is_decoding() {
                end(panic);
            }
        }));
    },
    |bytes: &[u8]| entry::table(bytes)
);
