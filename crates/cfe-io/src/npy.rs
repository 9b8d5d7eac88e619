//! Arrays in NumPy's .npy format.
//!
//! The header is read here: the crates for it parse any Python literal by recursion, which a hostile header
//! can turn into a stack overflow, and set aside the memory that the header promises. This reader takes the
//! one form NumPy writes, and memory grows with the bytes that are really there.

use std::io::{self, Read};

use crate::source::unreadable;
use crate::table_error::{TableError, TableResult, shorten};

/// What the elements are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Float,
    Int,
    Uint,
    Bool,
    /// UCS-4.
    Unicode,
    Bytes,
}

/// Header of an array.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Header {
    pub kind: Kind,
    /// Bytes of an element.
    pub size: usize,
    pub big_endian: bool,
    pub fortran: bool,
    pub shape: Vec<usize>,
}

/// Longest header: NumPy's own take 128 bytes.
const MAX_HEADER: usize = 1 << 16;

/// Name of the array for messages, and the file it lies in.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Origin<'a> {
    pub file: &'a str,
    pub array: &'a str,
}

impl Origin<'_> {
    pub(crate) fn damaged(&self, reason: impl Into<String>) -> TableError {
        TableError::Damaged {
            file: self.file.to_owned(),
            format: "NPY",
            reason: format!("array {:?}: {}", self.array, reason.into()),
        }
    }

    pub(crate) fn wrong_type(&self, found: impl Into<String>, allowed: &'static str) -> TableError {
        TableError::WrongType {
            file: self.file.to_owned(),
            column: self.array.to_owned(),
            found: found.into(),
            allowed,
        }
    }

    fn read_error(&self, source: io::Error) -> TableError {
        match source.kind() {
            io::ErrorKind::UnexpectedEof => self.damaged("it ends within the header"),
            io::ErrorKind::InvalidData
            | io::ErrorKind::InvalidInput
            | io::ErrorKind::Unsupported
            | io::ErrorKind::Other => self.damaged(source.to_string()),
            _ => unreadable(self.file, source),
        }
    }
}

/// An array.
#[derive(Debug, Clone)]
pub(crate) struct Array {
    pub header: Header,
    data: Data,
}

/// Floats are decoded while they are read, as the bytes of a large matrix should not lie in memory beside its
/// numbers.
#[derive(Debug, Clone)]
enum Data {
    Floats(Vec<f64>),
    /// As they lie in the file.
    Bytes(Vec<u8>),
}

/// Bytes decoded at a time.
const CHUNK: usize = 1 << 16;

/// Reads one array. `available` is what the whole of it may take in bytes, if that is known.
pub(crate) fn read_array(
    reader: &mut dyn Read,
    available: Option<u64>,
    origin: Origin<'_>,
) -> TableResult<Array> {
    // Magic, version, length of the header, header: the format of NumPy's NEP 1.
    let mut start = [0; 8];
    reader.read_exact(&mut start).map_err(|e| origin.read_error(e))?;
    if !start.starts_with(b"\x93NUMPY") {
        return Err(origin.damaged("it does not begin with \\x93NUMPY"));
    }
    // The length of the header has two bytes in version 1, and four in later ones.
    let length_bytes = match start[6] {
        1 => 2,
        2 | 3 => 4,
        version => return Err(origin.damaged(format!("format version {version}; 1 to 3 are known"))),
    };
    let mut length = [0; 4];
    reader.read_exact(&mut length[..length_bytes]).map_err(|e| origin.read_error(e))?;
    let length = u32::from_le_bytes(length) as usize;
    if length > MAX_HEADER {
        return Err(origin.damaged(format!("a header of {length} bytes; at most {MAX_HEADER} are taken")));
    }
    let mut text = vec![0; length];
    reader.read_exact(&mut text).map_err(|e| origin.read_error(e))?;
    let header = parse_header(&text, origin)?;

    // A header may promise anything, so what it promises is held against what is there before room is made.
    let elements = header.elements();
    let promised = elements.saturating_mul(header.size as u128);
    let too_much = |available| TableError::PromisesTooMuch {
        file: origin.file.to_owned(),
        what: format!("array {:?}", origin.array),
        promised,
        available,
    };
    let rest = available.map(|total| total.saturating_sub((8 + length_bytes + length) as u64));
    if let Some(rest) = rest.filter(|&rest| promised > u128::from(rest)) {
        return Err(too_much(rest));
    }
    let promised_here = usize::try_from(promised).map_err(|_| too_much(rest.unwrap_or(0)))?;
    // Room is set aside only for what is known to be there.
    let room = rest.map_or(0, |_| promised_here.min(1 << 30));
    let reader = reader.take(promised_here as u64);
    let (data, found) = if header.kind == Kind::Float {
        read_floats(reader, &header, room / header.size).map(|(floats, found)| (Data::Floats(floats), found))
    } else {
        read_bytes(reader, room).map(|(bytes, found)| (Data::Bytes(bytes), found))
    }
    .map_err(|e| origin.read_error(e))?;
    if found < promised_here {
        return Err(too_much(found as u64));
    }
    Ok(Array { header, data })
}

/// All bytes, and how many there were.
fn read_bytes(mut reader: impl Read, room: usize) -> io::Result<(Vec<u8>, usize)> {
    let mut bytes = Vec::with_capacity(room);
    let found = reader.read_to_end(&mut bytes)?;
    Ok((bytes, found))
}

/// All floats, and how many bytes there were.
fn read_floats(mut reader: impl Read, header: &Header, room: usize) -> io::Result<(Vec<f64>, usize)> {
    let mut floats = Vec::with_capacity(room);
    let (mut chunk, mut found) = (Vec::with_capacity(CHUNK), 0);
    loop {
        chunk.clear();
        // Whole elements, as every element size divides a chunk.
        let read = reader.by_ref().take(CHUNK as u64).read_to_end(&mut chunk)?;
        if read == 0 {
            return Ok((floats, found));
        }
        found += read;
        decode(&chunk, header, &mut floats);
    }
}

/// Appends numbers to `out`; false for text.
fn decode(bytes: &[u8], header: &Header, out: &mut Vec<f64>) -> bool {
    let &Header { kind, size, big_endian, .. } = header;
    if matches!(kind, Kind::Unicode | Kind::Bytes) {
        return false;
    }
    // Each element is widened to 8 bytes in little-endian order, and then read by its kind and size.
    out.extend(bytes.chunks_exact(size).map(|element| {
        let mut bits = [0; 8];
        bits[..size].copy_from_slice(element);
        if big_endian {
            bits[..size].reverse();
        }
        let bits = u64::from_le_bytes(bits);
        match (kind, size) {
            (Kind::Float, 8) => f64::from_bits(bits),
            (Kind::Float, 4) => f64::from(f32::from_bits(bits as u32)),
            (Kind::Float, _) => half::f16::from_bits(bits as u16).to_f64(),
            (Kind::Int, 1) => f64::from(bits as u8 as i8),
            (Kind::Int, 2) => f64::from(bits as u16 as i16),
            (Kind::Int, 4) => f64::from(bits as u32 as i32),
            (Kind::Int, _) => bits as i64 as f64,
            _ => bits as f64,
        }
    }));
    true
}

fn parse_header(text: &[u8], origin: Origin<'_>) -> TableResult<Header> {
    let bad = || origin.damaged(format!("header {:?}", shorten(text)));
    let text = std::str::from_utf8(text).map_err(|_| bad())?;
    // The keys may stand in any order, so each is looked for by itself.
    let after = |key: &str| {
        let at = text.find(&format!("'{key}'"))? + key.len() + 2;
        text.get(at..)?.trim_start().strip_prefix(':').map(str::trim_start)
    };
    let fortran = after("fortran_order").ok_or_else(bad)?;
    let fortran = match (fortran.starts_with("True"), fortran.starts_with("False")) {
        (true, _) => true,
        (_, true) => false,
        _ => return Err(bad()),
    };
    let shape = after("shape").and_then(|s| s.strip_prefix('(')).and_then(|s| s.split_once(')'));
    // A tuple of one has a comma at its end, and that of a single number is empty.
    let (shape, _) = shape.ok_or_else(bad)?;
    let shape = shape
        .split(',')
        .map(str::trim)
        .filter(|s| !s.is_empty())
        .map(|s| s.parse::<usize>().map_err(|_| bad()))
        .collect::<TableResult<Vec<usize>>>()?;
    if shape.len() > 8 {
        return Err(origin.damaged(format!("{} dimensions; 1 or 2 are needed", shape.len())));
    }
    let descr = after("descr").ok_or_else(bad)?;
    // A structured dtype is a list of fields and not a string.
    let Some((descr, _)) = descr.strip_prefix('\'').and_then(|s| s.split_once('\'')) else {
        return Err(origin.wrong_type("a structured dtype", "plain numbers and strings"));
    };
    let mut chars = descr.chars();
    let big_endian = match chars.next() {
        Some('<' | '|' | '=') => false,
        Some('>') => true,
        _ => return Err(bad()),
    };
    // Objects have no width, and dates have a unit behind theirs: both fall to the last arm.
    let (kind, width) = (chars.next(), chars.as_str().parse::<usize>().unwrap_or(0));
    let (kind, size) = match (kind, width) {
        (Some('f'), 2 | 4 | 8) => (Kind::Float, width),
        (Some('i'), 1 | 2 | 4 | 8) => (Kind::Int, width),
        (Some('u'), 1 | 2 | 4 | 8) => (Kind::Uint, width),
        (Some('b'), 1) => (Kind::Bool, 1),
        (Some('U'), 1..=65_536) => (Kind::Unicode, 4 * width),
        (Some('S'), 1..=65_536) => (Kind::Bytes, width),
        _ => {
            return Err(origin.wrong_type(
                format!("{descr:?}"),
                "float16, float32, float64, integers, bool and fixed-width strings (no pickled objects: np.asarray(..., dtype=float) \
                 makes numbers of them, and dtype=str makes text)",
            ));
        }
    };
    Ok(Header { kind, size, big_endian, fortran, shape })
}

impl Header {
    /// Number of elements that the shape promises. A header may name any numbers, so their product may be
    /// larger than any memory.
    fn elements(&self) -> u128 {
        if self.shape.contains(&0) {
            return 0;
        }
        self.shape.iter().fold(1, |product: u128, &k| product.saturating_mul(k as u128))
    }
}

impl Array {
    /// Number of elements.
    pub(crate) fn len(&self) -> usize {
        usize::try_from(self.header.elements()).expect("the elements were read")
    }

    /// The elements as numbers, in the order of the file; the array itself if they are none.
    pub(crate) fn into_numbers(self) -> Result<Vec<f64>, Self> {
        let elements = self.len();
        let bytes = match self.data {
            Data::Floats(floats) => return Ok(floats),
            Data::Bytes(bytes) => bytes,
        };
        let mut out = Vec::with_capacity(elements);
        if decode(&bytes, &self.header, &mut out) {
            Ok(out)
        } else {
            Err(Self { header: self.header, data: Data::Bytes(bytes) })
        }
    }

    /// The elements as text, numbers too (ids often are).
    pub(crate) fn strings(&self) -> Option<Vec<String>> {
        let Header { kind, size, big_endian, .. } = self.header;
        let bytes = match &self.data {
            Data::Floats(floats) => return Some(floats.iter().map(f64::to_string).collect()),
            Data::Bytes(bytes) => bytes,
        };
        let elements = bytes.chunks_exact(size);
        match kind {
            Kind::Unicode => elements
                .map(|element| {
                    let code = |c: &[u8]| {
                        let c = <[u8; 4]>::try_from(c).ok()?;
                        char::from_u32(if big_endian { u32::from_be_bytes(c) } else { u32::from_le_bytes(c) })
                    };
                    let text: Option<String> = element.chunks_exact(4).map(code).collect();
                    text.map(|t| t.trim_end_matches('\0').to_owned())
                })
                .collect(),
            Kind::Bytes => elements
                .map(|e| std::str::from_utf8(e).ok().map(|t| t.trim_end_matches('\0').to_owned()))
                .collect(),
            Kind::Int | Kind::Uint | Kind::Bool | Kind::Float => {
                // Not through f64, which has no place for large ids.
                Some(
                    elements
                        .map(|element| {
                            let mut wide = [0; 8];
                            wide[..size].copy_from_slice(element);
                            if big_endian {
                                wide[..size].reverse();
                            }
                            // The sign of a narrow integer moves to the top bit, so that the shift back
                            // spreads it.
                            let shift = 64 - 8 * size as u32;
                            let bits = u64::from_le_bytes(wide);
                            match kind {
                                Kind::Int => (((bits << shift) as i64) >> shift).to_string(),
                                _ => bits.to_string(),
                            }
                        })
                        .collect(),
                )
            }
        }
    }
}
