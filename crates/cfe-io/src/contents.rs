//! Reading what one file, stream or packing holds.

use crate::format::Format;
use crate::options::TableOptions;
use crate::parts::Parts;
use crate::source::Opened;
use crate::table_error::{TableError, TableResult};
use crate::text;
use crate::unpack::{self, Zipped};

/// Reads what one file, stream or packing holds.
pub(crate) fn read_opened(opened: Opened, options: &TableOptions) -> TableResult<Parts> {
    refuse_unused(&opened, options)?;
    // The content decides. What was packed is read as what it holds.
    match opened.format {
        Format::Text => {
            let (file, length, error) = (opened.file.clone(), opened.len(), opened.stream_error());
            text::read(&file, opened.stream(), length, options, error)
        }
        Format::Json => crate::json::read(opened, options),
        Format::Gzip | Format::Bzip2 | Format::Xz | Format::Zstd => {
            read_opened(unpack::decompress(opened)?, options)
        }
        Format::Npy => crate::npy_table::read_npy(opened, options),
        Format::Zip => {
            let file = opened.file.clone();
            match unpack::open_zip(opened, options)? {
                Zipped::Arrays(handle) => crate::npy_table::read_npz(&file, handle, options),
                Zipped::Workbook(handle) => crate::workbook::read(&file, handle, options),
                Zipped::Table(inside) => read_opened(inside, options),
            }
        }
        Format::OldWorkbook => {
            let file = opened.file.clone();
            crate::workbook::read(&file, opened.seekable()?, options)
        }
        #[cfg(feature = "parquet")]
        Format::Parquet | Format::ArrowFile | Format::ArrowStream => crate::columnar::read(opened, options),
        #[cfg(not(feature = "parquet"))]
        Format::Parquet => Err(TableError::FeatureMissing { file: opened.file, format: "Parquet" }),
        #[cfg(not(feature = "parquet"))]
        Format::ArrowFile | Format::ArrowStream => {
            Err(TableError::FeatureMissing { file: opened.file, format: "Arrow IPC" })
        }
    }
}

/// Refuses options for another kind of file, which would say nothing here. A packing is asked once it is
/// undone.
fn refuse_unused(opened: &Opened, options: &TableOptions) -> TableResult<()> {
    use Format::{Bzip2, Gzip, Npy, OldWorkbook, Xz, Zip, Zstd};
    let unused = |option, kind| TableError::OptionNotUsed { file: opened.file.clone(), option, kind };
    let packed = matches!(opened.format, Gzip | Bzip2 | Xz | Zstd | Zip);
    if options.labels_file.is_some() && !packed && opened.format != Npy {
        return Err(unused("--labels-file", "a matrix in NPY"));
    }
    if options.sheet.is_some() && !packed && opened.format != OldWorkbook {
        return Err(unused("--sheet", "a workbook of Excel or LibreOffice"));
    }
    Ok(())
}
