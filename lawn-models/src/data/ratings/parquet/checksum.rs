//! The checksums of pages, which not every program writes, and the decoder does not look at.

use std::io::Cursor;

use polars_parquet_format::PageHeader;
use polars_parquet_format::thrift::protocol::TCompactInputProtocol;

/// Compares the pages of a chunk with the CRC-32 in their headers, where they have one: that of zlib,
/// over the bytes of a page as they are in the file.
///
/// # Errors
/// Which page is not what was written, or has no header that can be read.
pub(super) fn check(bytes: &[u8]) -> Result<(), String> {
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
