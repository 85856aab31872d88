//! JSON of which people read the outline and programs the rows.

use std::io::{self, Write};

use serde_json::ser::Formatter;

/// Breaks lines between the entries of the two outermost levels only.
#[derive(Default)]
pub(crate) struct Rows {
    depth: usize,
}

impl Rows {
    const LEVELS: usize = 2;

    fn line<W: Write + ?Sized>(&self, writer: &mut W) -> io::Result<()> {
        if self.depth <= Self::LEVELS {
            writer.write_all(b"\n")?;
            for _ in 0..self.depth {
                writer.write_all(b"  ")?;
            }
        }
        Ok(())
    }

    fn open<W: Write + ?Sized>(&mut self, writer: &mut W, bracket: &[u8]) -> io::Result<()> {
        self.depth += 1;
        writer.write_all(bracket)
    }

    fn close<W: Write + ?Sized>(&mut self, writer: &mut W, bracket: &[u8]) -> io::Result<()> {
        let broken = self.depth <= Self::LEVELS;
        self.depth -= 1;
        if broken {
            self.line(writer)?;
        }
        writer.write_all(bracket)
    }

    fn next<W: Write + ?Sized>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        if !first {
            writer.write_all(b",")?;
        }
        self.line(writer)
    }
}

impl Formatter for Rows {
    fn begin_array<W: Write + ?Sized>(&mut self, writer: &mut W) -> io::Result<()> {
        self.open(writer, b"[")
    }

    fn end_array<W: Write + ?Sized>(&mut self, writer: &mut W) -> io::Result<()> {
        self.close(writer, b"]")
    }

    fn begin_array_value<W: Write + ?Sized>(
        &mut self,
        writer: &mut W,
        first: bool,
    ) -> io::Result<()> {
        self.next(writer, first)
    }

    fn begin_object<W: Write + ?Sized>(&mut self, writer: &mut W) -> io::Result<()> {
        self.open(writer, b"{")
    }

    fn end_object<W: Write + ?Sized>(&mut self, writer: &mut W) -> io::Result<()> {
        self.close(writer, b"}")
    }

    fn begin_object_key<W: Write + ?Sized>(
        &mut self,
        writer: &mut W,
        first: bool,
    ) -> io::Result<()> {
        self.next(writer, first)
    }

    fn begin_object_value<W: Write + ?Sized>(&mut self, writer: &mut W) -> io::Result<()> {
        writer.write_all(b": ")
    }
}

#[cfg(test)]
mod tests {
    use serde::Serialize;

    use super::*;

    #[test]
    fn entries_of_a_list_are_lines() {
        let value =
            serde_json::json!({ "a": { "b": [1, 2] }, "rows": [{ "id": "x" }, {}], "z": [] });
        let mut bytes = Vec::new();
        let mut serializer = serde_json::Serializer::with_formatter(&mut bytes, Rows::default());
        value.serialize(&mut serializer).expect("it is JSON");
        let text = String::from_utf8(bytes).expect("it is text");
        let back: serde_json::Value = serde_json::from_str(&text).expect("it is JSON again");
        assert_eq!(back, value);
        let expected = "{\n  \"a\": {\n    \"b\": [1,2]\n  },\n  \"rows\": [\n    {\"id\": \"x\"},\n    {}\n  ],\n  \"z\": [\n  ]\n}";
        assert_eq!(text, expected);
    }
}
