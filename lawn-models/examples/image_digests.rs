//! Prints the SHA-256 of the pixels of each file that is named, as `goldens/same_as_pil.py`
//! compares them with PIL's.

use sha2::{Digest, Sha256};

fn main() {
    for path in std::env::args().skip(1) {
        let said = std::fs::read(&path)
            .map_err(|error| error.to_string())
            .and_then(|bytes| {
                lawn_models::decode_image(&bytes, false).map_err(|error| error.to_string())
            })
            .map(|image| {
                let digits = Sha256::digest(&image.bytes).into_iter();
                let digits: String = digits.map(|byte| format!("{byte:02x}")).collect();
                format!("{}x{} {digits}", image.width, image.height)
            })
            .unwrap_or_else(|error| format!("- {error}"));
        println!("{path}\t{said}");
    }
}
