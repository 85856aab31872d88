//! Files compressed by gzip, as `to_csv("results.csv.gz")` of pandas writes them.

use std::io::Read;

use flate2::read::MultiGzDecoder;

use super::kind::GZIP;

/// The most bytes of a table after it is unpacked. A small file may claim to hold far more.
const MOST_BYTES: u64 = 1 << 28;

/// The bytes as they were before gzip compressed them; bytes of any other kind as they are.
///
/// # Errors
/// Says in words what is wrong with compressed bytes.
pub(super) fn unpacked(bytes: Vec<u8>) -> Result<Vec<u8>, &'static str> {
    if !bytes.starts_with(GZIP) {
        return Ok(bytes);
    }
    let mut unpacked = Vec::new();
    let mut reader = MultiGzDecoder::new(&bytes[..]).take(MOST_BYTES + 1);
    match reader.read_to_end(&mut unpacked) {
        Err(_) => Err("compressed by gzip, and damaged or cut off"),
        Ok(_) if unpacked.len() as u64 > MOST_BYTES => {
            Err("compressed by gzip, and larger than 256 MiB when unpacked")
        }
        Ok(_) => Ok(unpacked),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::{Compression, write::GzEncoder};

    use super::*;

    fn packed(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn what_is_packed_is_as_it_was() {
        let whole = packed(b"a,b\n1,2\n");
        assert_eq!(unpacked(whole.clone()).unwrap(), b"a,b\n1,2\n");
        // Files that are joined are one file.
        let two = [whole.clone(), packed(b"3,4\n")].concat();
        assert_eq!(unpacked(two).unwrap(), b"a,b\n1,2\n3,4\n");
        assert_eq!(unpacked(b"a,b\n".to_vec()).unwrap(), b"a,b\n");
        for cut in 3..whole.len() {
            let error = unpacked(whole[..cut].to_vec()).unwrap_err();
            assert!(error.contains("damaged"), "{cut}: {error}");
        }
    }

    #[test]
    fn a_small_file_cannot_fill_the_memory() {
        let large = packed(&vec![0; MOST_BYTES as usize + 1]);
        assert!(unpacked(large).unwrap_err().contains("256 MiB"));
    }
}
