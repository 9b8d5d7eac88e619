//! Packed tables, and files that are not tables: the first bytes tell.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek as _};

use zip::ZipArchive;

use crate::options::TableOptions;
use crate::parts::Parts;
use crate::source::{Format, Opened, unreadable};
use crate::table_error::{TableError, TableResult, list};

/// Packings inside one another that are undone: a zip of a gzip, and no more.
pub(crate) const MOST_LAYERS: usize = 3;

/// Files that are not tables to be read here: (first bytes, what it is, how to make a table of it, `FILE` for
/// its name).
const OTHERS: [(&[u8], &str, &str); 22] = [
    (b"FEA1", "a Feather file of version 1", "pandas.read_feather('FILE').to_parquet('table.parquet')"),
    (b"PARE", "an encrypted Parquet file", "write it without encryption"),
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file", "pandas.read_hdf('FILE').to_parquet('table.parquet')"),
    (
        b"SQLite format 3\0",
        "an SQLite database",
        "sqlite3 -csv -header FILE 'select * from TABLE' > table.csv",
    ),
    (b"Obj\x01", "an Avro file", "polars.read_avro('FILE').write_parquet('table.parquet')"),
    (b"ORC", "an ORC file", "pandas.read_orc('FILE').to_parquet('table.parquet')"),
    (b"$FL2", "an SPSS file", "pandas.read_spss('FILE').to_csv('table.csv', index=False)"),
    (b"$FL3", "an SPSS file", "pandas.read_spss('FILE').to_csv('table.csv', index=False)"),
    (b"<stata_dta>", "a Stata file", "pandas.read_stata('FILE').to_csv('table.csv', index=False)"),
    (
        b"\0\0\0\0\0\0\0\0\0\0\0\0\xc2\xea\x81\x60",
        "a SAS file",
        "pandas.read_sas('FILE').to_csv('table.csv', index=False)",
    ),
    (b"MATLAB 5.0 MAT-file", "a MATLAB file", "scipy.io.loadmat('FILE'), then numpy.savez"),
    (
        b"X\n\0\0\0",
        "an R object (RDS)",
        "Rscript -e 'write.csv(readRDS(\"FILE\"), \"table.csv\", row.names = FALSE)'",
    ),
    (
        b"RDX",
        "an R workspace (RData)",
        "load(\"FILE\") in R, then write.csv(NAME, \"table.csv\", row.names = FALSE)",
    ),
    (
        b"RDA",
        "an R workspace (RData)",
        "load(\"FILE\") in R, then write.csv(NAME, \"table.csv\", row.names = FALSE)",
    ),
    (b"%PDF", "a PDF document", "export the table as CSV"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", "7z x FILE"),
    (b"Rar!", "a RAR archive", "unrar x FILE"),
    (b"\x04\x22\x4d\x18", "an LZ4 frame", "lz4 -d FILE"),
    (b"<!DOCTYPE", "a web page", "download the file itself"),
    (b"<html", "a web page", "download the file itself"),
    (b"<table", "a table in HTML", "pandas.read_html('FILE')[0].to_csv('table.csv', index=False)"),
    (b"<?xml", "an XML document", "export the table as CSV"),
];

/// Refuses a file that is something else, by name and with what makes a table of it.
pub(crate) fn refuse_others(head: &[u8], file: &str) -> TableResult<()> {
    let other = |what: &str, cure: &str| {
        Err(TableError::OtherFormat {
            file: file.to_owned(),
            what: what.to_owned(),
            cure: cure.replace("FILE", file),
        })
    };
    if let Some((_, what, cure)) = OTHERS.iter().find(|(magic, ..)| head.starts_with(magic)) {
        return other(what, cure);
    }
    // A safetensors file begins with the length of its header, which is JSON.
    if head.len() > 9 && head[8] == b'{' && memchr::memmem::find(head, b"__metadata__").is_some() {
        let own = memchr::memmem::find(head, b"cf_ensemble").is_some();
        let what = if own { "a model that this program saved" } else { "a safetensors file" };
        return other(what, "give a table of predictions; cfe inspect FILE shows a model");
    }
    if head.len() > 2 && head[0] == 0x80 && (2..=5).contains(&head[1]) {
        return other("a Python pickle", "pandas.read_pickle('FILE').to_parquet('table.parquet')");
    }
    // Versions 105 to 115, in either order of bytes.
    if let [0x69..=0x73, 1 | 2, 1, 0, ..] = head {
        return other("a Stata file", "pandas.read_stata('FILE').to_csv('table.csv', index=False)");
    }
    if head.get(257..262) == Some(b"ustar") {
        return other("a tar archive", "tar xf FILE");
    }
    let text = head.trim_ascii_start();
    if text.len() > 9 && text[..9].eq_ignore_ascii_case(b"@relation") {
        return other(
            "an ARFF file of Weka",
            "scipy.io.arff.loadarff('FILE'), then pandas.DataFrame(...).to_csv('table.csv')",
        );
    }
    Ok(())
}

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

/// A zip archive: arrays, a workbook, or one packed table.
pub(crate) fn read_zip(opened: Opened, options: &TableOptions) -> TableResult<Parts> {
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
        return super::npy_table::read_npz(&file, handle, options);
    }
    let has = |name: &str| names.iter().any(|n| n == name);
    if has("xl/workbook.xml") || has("xl/workbook.bin") || has("content.xml") {
        if options.labels_file.is_some() {
            return Err(unused("--labels-file", "a matrix in NPY"));
        }
        // Reading the names has moved the handle.
        handle.rewind().map_err(|e| unreadable(&file, e))?;
        return crate::workbook::read(&file, handle, options);
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
    let opened = Opened::packed(inside, Box::new(spool), Some("zip"), layers)?;
    crate::table::read_opened(opened, options)
}
