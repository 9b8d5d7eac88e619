//! Packed tables, and files that are not tables: the first bytes tell.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek as _};

use zip::ZipArchive;

use crate::format::Format;
use crate::options::TableOptions;
use crate::source::{Opened, unreadable};
use crate::table_error::{TableError, TableResult, list};

/// The name of a packing.
pub(crate) fn name(format: Format) -> &'static str {
    match format {
        Format::Gzip => "gzip",
        Format::Bzip2 => "bzip2",
        Format::Xz => "xz",
        _ => "zstd",
    }
}

/// The content of a compressed stream.
pub(crate) fn decompress(opened: Opened) -> TableResult<Opened> {
    let (file, format, layers) = (opened.file.clone(), opened.format, opened.layers + 1);
    let bad = |source: io::Error| TableError::BadCompressed {
        file: file.clone(),
        format: name(format),
        reason: source.to_string(),
    };
    let reader: Box<dyn Read + Send> = match format {
        // A file may consist of several members, as bgzip and `cat` make them.
        Format::Gzip => Box::new(flate2::read::MultiGzDecoder::new(opened.stream())),
        Format::Bzip2 => Box::new(bzip2::read::MultiBzDecoder::new(opened.stream())),
        #[cfg(feature = "parquet")]
        Format::Zstd => Box::new(zstd::stream::read::Decoder::new(opened.stream()).map_err(bad)?),
        #[cfg(not(feature = "parquet"))]
        Format::Zstd => return Err(TableError::FeatureMissing { file, format: "zstd" }),
        _ => {
            // The crate writes all or nothing: into a file, so that memory does not grow with it.
            let spool = || -> io::Result<File> {
                let mut spool = tempfile::tempfile()?;
                let mut packed = BufReader::new(opened.stream());
                lzma_rs::xz_decompress(&mut packed, &mut spool)
                    .map_err(|e| io::Error::new(io::ErrorKind::InvalidData, format!("{e:?}")))?;
                spool.rewind()?;
                Ok(spool)
            };
            Box::new(spool().map_err(bad)?)
        }
    };
    Opened::packed(file, reader, Some(name(format)), layers)
}

/// What a zip archive holds.
pub(crate) enum Zipped {
    /// Arrays of NumPy.
    Arrays(File),
    /// A workbook.
    Workbook(File),
    /// One packed table.
    Table(Opened),
}

/// Opens a zip archive.
pub(crate) fn open_zip(opened: Opened, options: &TableOptions) -> TableResult<Zipped> {
    let (file, layers) = (opened.file.clone(), opened.layers + 1);
    let damaged = |reason: String| TableError::Damaged { file: file.clone(), format: "zip", reason };
    let mut handle = opened.seekable()?;
    let mut archive = ZipArchive::new(BufReader::new(handle.try_clone().map_err(|e| unreadable(&file, e))?))
        .map_err(|e| damaged(e.to_string()))?;
    let names: Vec<String> = archive.file_names().filter_map(|name| Some(name.ok()?.into_owned())).collect();
    // Arrays make the archive an NPZ, certain parts a workbook; anything else must be one packed table.
    let unused = |option, kind| TableError::OptionNotUsed { file: file.clone(), option, kind };
    if names.iter().any(|name| name.ends_with(".npy")) || names.is_empty() {
        if options.sheet.is_some() {
            return Err(unused("--sheet", "a workbook of Excel or LibreOffice"));
        }
        if options.labels_file.is_some() {
            return Err(unused("--labels-file", "a matrix in NPY, while an NPZ holds its own labels"));
        }
        return Ok(Zipped::Arrays(handle));
    }
    let has = |name: &str| names.iter().any(|n| n == name);
    if has("xl/workbook.xml") || has("xl/workbook.bin") || has("content.xml") {
        if options.labels_file.is_some() {
            return Err(unused("--labels-file", "a matrix in NPY"));
        }
        // Reading the names has moved the handle.
        handle.rewind().map_err(|e| unreadable(&file, e))?;
        return Ok(Zipped::Workbook(handle));
    }
    // macOS puts hidden files and a folder of its own beside the table.
    let is_table = |name: &&String| {
        let base = name.rsplit('/').next().unwrap_or_default();
        !base.is_empty() && !base.starts_with('.') && !name.starts_with("__MACOSX/")
    };
    let tables: Vec<&String> = names.iter().filter(is_table).collect();
    let &[table] = &tables[..] else {
        return Err(TableError::OtherFormat {
            what: format!("a zip of {} files: {}", tables.len(), list(&tables)),
            cure: format!("unzip {file}, and give the one that is the table"),
            file,
        });
    };
    // Readers may go back in the table, and an entry of an archive can only be read forward.
    let mut entry = archive.by_name(table).map_err(|e| damaged(e.to_string()))?;
    let mut spool = tempfile::tempfile().map_err(|e| unreadable(&file, e))?;
    io::copy(&mut entry, &mut spool).map_err(|e| damaged(e.to_string()))?;
    spool.rewind().map_err(|e| unreadable(&file, e))?;
    let inside = format!("{file}/{table}");
    Ok(Zipped::Table(Opened::packed(inside, Box::new(spool), Some("zip"), layers)?))
}
