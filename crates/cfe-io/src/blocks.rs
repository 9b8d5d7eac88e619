//! Text cut into blocks of whole records, and blocks into records.
//!
//! A record ends at a line feed outside quotes. A quote opens a quoted cell only at the start of a cell, as
//! csv-core has it, which undoes the quotes later.

use std::io::{self, Read};

use memchr::{memchr, memchr2, memrchr};

/// Bytes aimed at in one block.
pub(crate) const BLOCK: usize = 1 << 20;
/// No record is longer.
pub(crate) const MAX_RECORD: usize = 64 << 20;

/// Position of the line feed that ends the record at the start of `bytes`; `None` if it is not there yet.
pub(crate) fn record_end(bytes: &[u8], delimiter: u8) -> Option<usize> {
    let mut at = 0;
    loop {
        let found = at + memchr2(b'"', b'\n', bytes.get(at..)?)?;
        if bytes[found] == b'\n' {
            return Some(found);
        }
        at = found + 1;
        // A quote opens a cell only at its beginning; elsewhere it is a character like others.
        if found > 0 && bytes[found - 1] != delimiter {
            continue;
        }
        // Inside a quoted cell: two quotes in a row are a character of it, a single quote ends it.
        loop {
            at += memchr(b'"', bytes.get(at..)?)? + 1;
            if bytes.get(at) != Some(&b'"') {
                break;
            }
            at += 1;
        }
    }
}

/// Length of the whole records at the start of `bytes`.
fn whole_records(bytes: &[u8], delimiter: u8) -> usize {
    // Without a quote every line feed ends a record, so that the last one decides.
    if memchr(b'"', bytes).is_none() {
        return memrchr(b'\n', bytes).map_or(0, |at| at + 1);
    }
    let mut at = 0;
    while let Some(end) = record_end(&bytes[at..], delimiter) {
        at += end + 1;
    }
    at
}

/// Records of a block with the line each begins at, counted from 0, without line ends; blank lines are passed
/// over.
pub(crate) struct Records<'a> {
    rest: &'a [u8],
    delimiter: u8,
    quoted: bool,
    /// Lines passed so far.
    pub lines: u64,
}

impl<'a> Records<'a> {
    pub(crate) fn new(block: &'a [u8], delimiter: u8) -> Self {
        Self { rest: block, delimiter, quoted: memchr(b'"', block).is_some(), lines: 0 }
    }

    /// Bytes not yet looked at.
    pub(crate) fn rest_len(&self) -> usize {
        self.rest.len()
    }
}

impl<'a> Iterator for Records<'a> {
    /// Line, bytes, and whether quotes have to be undone.
    type Item = (u64, &'a [u8], bool);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if self.rest.is_empty() {
                return None;
            }
            let end = match self.quoted {
                false => memchr(b'\n', self.rest),
                true => record_end(self.rest, self.delimiter),
            }
            .unwrap_or(self.rest.len());
            let record = &self.rest[..end];
            self.rest = self.rest.get(end + 1..).unwrap_or_default();
            let line = self.lines;
            let quoted = self.quoted && memchr(b'"', record).is_some();
            // A quoted cell may hold line feeds, which are lines of the file as well.
            self.lines += 1 + if quoted { memchr::memchr_iter(b'\n', record).count() as u64 } else { 0 };
            let record = record.strip_suffix(b"\r").unwrap_or(record);
            if !record.is_empty() {
                return Some((line, record, quoted));
            }
        }
    }
}

/// Why no block came.
#[derive(Debug)]
pub(crate) enum BlockError {
    Io(io::Error),
    RecordTooLong,
}

/// Cuts a stream into blocks. Holds one block and the begun record after it.
pub(crate) struct Blocks<R> {
    reader: R,
    carry: Vec<u8>,
    ended: bool,
}

impl<R: Read> Blocks<R> {
    pub(crate) fn new(reader: R, carry: Vec<u8>) -> Self {
        Self { reader, carry, ended: false }
    }

    /// Whether all has been given.
    pub(crate) fn is_done(&self) -> bool {
        self.ended && self.carry.is_empty()
    }

    /// The next whole records; `None` at the end.
    pub(crate) fn next(&mut self, delimiter: u8) -> Result<Option<Vec<u8>>, BlockError> {
        let mut block = std::mem::take(&mut self.carry);
        loop {
            // A long record doubles the block, so that it is not looked through too often.
            let wanted = block.len().max(BLOCK);
            let before = block.len();
            if !self.ended {
                (&mut self.reader).take(wanted as u64).read_to_end(&mut block).map_err(BlockError::Io)?;
                self.ended = block.len() - before < wanted;
            }
            if self.ended {
                return Ok((!block.is_empty()).then_some(block));
            }
            let whole = whole_records(&block, delimiter);
            if whole > 0 {
                self.carry = block.split_off(whole);
                return Ok(Some(block));
            }
            if block.len() >= MAX_RECORD {
                return Err(BlockError::RecordTooLong);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_end_outside_quotes() {
        let text = b"a,\"x\ny\"\n\nb\"c,1\r\n\"he said \"\"no\"\"\",2";
        let records: Vec<_> = Records::new(text, b',').map(|(line, r, _)| (line, r.to_vec())).collect();
        assert_eq!(
            records,
            [(0, b"a,\"x\ny\"".to_vec()), (3, b"b\"c,1".to_vec()), (4, b"\"he said \"\"no\"\"\",2".to_vec())]
        );
    }

    #[test]
    fn blocks_are_whole_records_and_lose_nothing() {
        let mut text = Vec::new();
        for i in 0..200_000 {
            let line = if i % 7 == 0 { format!("\"{i}\n\"\"\",0.5\n") } else { format!("{i},0.25\n") };
            text.extend_from_slice(line.as_bytes());
        }
        let (mut blocks, mut out, mut records) = (Blocks::new(&text[..], Vec::new()), Vec::new(), 0);
        while let Some(block) = blocks.next(b',').expect("in memory") {
            assert!(block.ends_with(b"\n"));
            records += Records::new(&block, b',').count();
            out.extend(block);
        }
        assert!(out == text);
        assert_eq!(records, 200_000);
    }

    #[test]
    fn a_quote_that_never_closes_is_no_endless_read() {
        let open = io::repeat(b'x');
        let mut blocks = Blocks::new((&b"\""[..]).chain(open), Vec::new());
        assert!(matches!(blocks.next(b','), Err(BlockError::RecordTooLong)));
    }
}
