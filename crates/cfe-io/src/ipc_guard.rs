//! A check of Arrow IPC before it is decoded: the decoder sets aside what a compressed buffer says it will
//! unpack to, and a damaged or hostile number there would end the process.

use std::io::{self, Read, Seek, SeekFrom};

use arrow_ipc::{CompressionType, MessageHeader, RecordBatch, root_as_footer, root_as_message};

/// No column of one batch needs more.
const MAX_BUFFER: u64 = 1 << 32;
/// Best that the codecs do: LZ4 255 for one, zstd a block of 128 KiB for 4 bytes.
const MAX_LZ4: u64 = 256;
const MAX_ZSTD: u64 = 1 << 15;
/// Before every length since version 0.15 of the format.
const CONTINUATION: [u8; 4] = [0xff; 4];
/// Zeros that may follow the magic number of a file.
const MAX_PADDING: usize = 256;

/// Passes an IPC stream on, message by message, each checked first. Holds one message.
pub(crate) struct Guarded<R> {
    inner: R,
    message: Vec<u8>,
    given: usize,
    ended: bool,
    /// A file has an end mark; of a stream the spec lets it be left out.
    is_file: bool,
}

fn invalid(reason: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason.into())
}

impl<R: Read> Guarded<R> {
    pub(crate) fn new(inner: R) -> Self {
        Self { inner, message: Vec::new(), given: 0, ended: false, is_file: false }
    }

    /// Passes over the magic number of a file and the zeros after it; what follows is a stream.
    pub(crate) fn skip_magic(&mut self) -> io::Result<()> {
        self.is_file = true;
        let mut word = [0; 8];
        self.inner.read_exact(&mut word)?;
        for _ in 0..MAX_PADDING / word.len() {
            self.inner.read_exact(&mut word)?;
            if word != [0; 8] {
                let rest = Self::next_message(&mut self.inner, &word, true)?;
                self.message = rest.unwrap_or_default();
                return Ok(());
            }
        }
        Err(invalid("no message after the magic number"))
    }

    /// The next message with its length and body; `None` at the end. `start` was read already.
    fn next_message(inner: &mut impl Read, start: &[u8], must_end: bool) -> io::Result<Option<Vec<u8>>> {
        let mut source = start.chain(inner);
        let mut message = Vec::new();
        let mut length = [0; 4];
        (&mut source).take(4).read_to_end(&mut message)?;
        if message.is_empty() {
            return if must_end { Err(invalid("the file ends before its end mark")) } else { Ok(None) };
        }
        // Before version 0.15 of Arrow a message began with its length, without this mark.
        if message == CONTINUATION {
            source.read_exact(&mut length)?;
            message.extend(length);
        } else {
            length = message.as_slice().try_into().map_err(|_| invalid("the stream ends in a length"))?;
        }
        let length = u64::from(u32::from_le_bytes(length));
        // A length of 0 is the end mark.
        if length == 0 {
            return Ok(None);
        }
        // Memory grows with what is read, not with what is promised.
        let mut description = Vec::new();
        source.by_ref().take(length).read_to_end(&mut description)?;
        if (description.len() as u64) < length {
            return Err(invalid("the stream ends in a message"));
        }
        let parsed = root_as_message(&description).map_err(|e| invalid(e.to_string()))?;
        let body_length =
            u64::try_from(parsed.bodyLength()).map_err(|_| invalid("a body of negative length"))?;
        let mut body = Vec::new();
        source.by_ref().take(body_length).read_to_end(&mut body)?;
        if (body.len() as u64) < body_length {
            return Err(invalid(format!("a body of {body_length} bytes, of which {} are there", body.len())));
        }
        // These two alone have buffers, whose places in the body are checked before a reader trusts them.
        let batch = match parsed.header_type() {
            MessageHeader::DictionaryBatch => parsed.header_as_dictionary_batch().and_then(|d| d.data()),
            MessageHeader::RecordBatch => parsed.header_as_record_batch(),
            _ => None,
        };
        if let Some(batch) = batch {
            check_sizes(batch, &body)?;
        }
        message.append(&mut description);
        message.append(&mut body);
        Ok(Some(message))
    }
}

/// Checks a file by its index: every message that it points to lies in the file, and unpacks to what it can.
pub(crate) fn check_index(file: &mut (impl Read + Seek)) -> io::Result<()> {
    let length = file.seek(SeekFrom::End(0))?;
    let at = |position: u64, bytes: u64, file: &mut dyn ReadSeek| -> io::Result<Vec<u8>> {
        if position.checked_add(bytes).is_none_or(|end| end > length) {
            return Err(invalid("its index points outside the file"));
        }
        file.seek(SeekFrom::Start(position))?;
        let mut out = vec![0; usize::try_from(bytes).map_err(|_| invalid("too large"))?];
        file.read_exact(&mut out)?;
        Ok(out)
    };
    let number = |n: i64| u64::try_from(n).map_err(|_| invalid("a negative number in its index"));
    // A file ends with the size of its index, in four bytes, and the word ARROW1.
    let end = at(length.saturating_sub(10), 10.min(length), file)?;
    let (Some(size), true) = (end.first_chunk::<4>(), end.ends_with(b"ARROW1")) else {
        return Err(invalid("no index at its end"));
    };
    let size = number(i64::from(i32::from_le_bytes(*size)))?;
    let start = length.checked_sub(10 + size).ok_or_else(|| invalid("an index longer than the file"))?;
    let footer = at(start, size, file)?;
    let footer = root_as_footer(&footer).map_err(|e| invalid(e.to_string()))?;
    let blocks =
        footer.dictionaries().into_iter().flatten().chain(footer.recordBatches().into_iter().flatten());
    for block in blocks {
        let (offset, meta) = (number(block.offset())?, number(i64::from(block.metaDataLength()))?);
        let message = at(offset, meta, file)?;
        let after = offset.checked_add(meta).ok_or_else(|| invalid("its index points outside the file"))?;
        let body = at(after, number(block.bodyLength())?, file)?;
        // The length of a message stands before it, and since version 0.15 a continuation mark before the
        // length.
        let skip = if message.starts_with(&CONTINUATION) { 8 } else { 4 };
        let description = message.get(skip..).ok_or_else(|| invalid("a message without a length"))?;
        let parsed = root_as_message(description).map_err(|e| invalid(e.to_string()))?;
        let batch = match parsed.header_type() {
            MessageHeader::DictionaryBatch => parsed.header_as_dictionary_batch().and_then(|d| d.data()),
            MessageHeader::RecordBatch => parsed.header_as_record_batch(),
            _ => None,
        };
        if let Some(batch) = batch {
            check_sizes(batch, &body)?;
        }
    }
    Ok(())
}

trait ReadSeek: Read + Seek {}
impl<T: Read + Seek> ReadSeek for T {}

/// Refuses compressed buffers that say they unpack to more than they can.
fn check_sizes(batch: RecordBatch<'_>, body: &[u8]) -> io::Result<()> {
    let Some(compression) = batch.compression() else { return Ok(()) };
    let ratio = if compression.codec() == CompressionType::LZ4_FRAME { MAX_LZ4 } else { MAX_ZSTD };
    for buffer in batch.buffers().into_iter().flatten() {
        let range = usize::try_from(buffer.offset()).ok().zip(usize::try_from(buffer.length()).ok());
        let bytes = range.and_then(|(offset, length)| body.get(offset..offset.checked_add(length)?));
        let bytes = bytes.ok_or_else(|| invalid("a buffer outside its message"))?;
        let Some(prefix) = bytes.first_chunk::<8>() else { continue };
        // Negative: not compressed.
        let Ok(promised) = u64::try_from(i64::from_le_bytes(*prefix)) else { continue };
        let possible = (bytes.len() as u64).saturating_mul(ratio).min(MAX_BUFFER);
        if promised > possible {
            return Err(invalid(format!(
                "a buffer of {} bytes that says it unpacks to {promised}; {possible} is the most",
                bytes.len()
            )));
        }
    }
    Ok(())
}

impl<R: Read> Read for Guarded<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.given == self.message.len() && !self.ended {
            self.given = 0;
            match Self::next_message(&mut self.inner, &[], self.is_file)? {
                Some(message) => self.message = message,
                None => (self.message, self.ended) = (Vec::new(), true),
            }
        }
        let rest = &self.message[self.given..];
        let n = rest.len().min(out.len());
        out[..n].copy_from_slice(&rest[..n]);
        self.given += n;
        Ok(n)
    }
}
