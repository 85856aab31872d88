//! What the headers of pages say that the decoder does not look at: checksums, which not every program
//! writes, and the sizes of dictionaries.

use std::io::Cursor;

use polars_parquet_format::PageHeader;
use polars_parquet_format::thrift::protocol::TCompactInputProtocol;

/// Bytes of the least value of a dictionary, of the types that ratings have: that of a number of 32 bits, or
/// the length of an empty text.
const LEAST_VALUE: i32 = 4;

/// Compares the pages of a chunk with the CRC-32 in their headers, where they have one: that of zlib,
/// over the bytes of a page as they are in the file. The decoder has room made for as many values as a
/// dictionary claims: they are compared with its bytes, and these with the `most` of the chunk.
///
/// # Errors
/// Which page is not what was written, or has no header that can be read.
pub(super) fn check(bytes: &[u8], most: usize) -> Result<(), String> {
    let mut place = 0;
    let mut number = 0;
    while place < bytes.len() {
        number += 1;
        let mut rest = Cursor::new(&bytes[place..]);
        let mut protocol = TCompactInputProtocol::new(&mut rest, bytes.len());
        let header = PageHeader::read_from_in_protocol(&mut protocol)
            .map_err(|error| format!("the header of page {number} of a column: {error}"))?;
        let start = place + rest.position() as usize;
        let page = usize::try_from(header.compressed_page_size).ok();
        let page = page.and_then(|size| bytes.get(start..start.checked_add(size)?));
        let page = page.ok_or_else(|| format!("page {number} of a column is not all there"))?;
        if let Some(dictionary) = &header.dictionary_page_header {
            let unpacked = header.uncompressed_page_size;
            let is_within = usize::try_from(unpacked).is_ok_and(|bytes| bytes <= most);
            if !is_within || !(0..=unpacked / LEAST_VALUE).contains(&dictionary.num_values) {
                return Err(format!(
                    "a dictionary claims {} values in {unpacked} bytes",
                    dictionary.num_values
                ));
            }
        }
        if let Some(crc) = header.crc {
            let mut found = flate2::Crc::new();
            found.update(page);
            if found.sum() != crc as u32 {
                return Err(format!(
                    "page {number} of a column is not what was written: its CRC-32 is {:08x}, and {:08x} by \
                     its header",
                    found.sum(),
                    crc as u32
                ));
            }
        }
        place = start + page.len();
    }
    Ok(())
}
