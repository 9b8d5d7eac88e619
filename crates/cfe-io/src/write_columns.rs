//! Tables written as Parquet and Arrow IPC.

use std::io::{self, Write};
use std::sync::Arc;

use arrow_array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray};
use arrow_ipc::writer::FileWriter;
use arrow_schema::{DataType, Field, Schema};
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::file::properties::WriterProperties;

use crate::column::Column;

/// Rows of one batch.
const ROWS: usize = 1 << 16;

/// The columns as Parquet.
pub(crate) fn parquet(writer: &mut (impl Write + Send), columns: &[(&str, Column<'_>)]) -> io::Result<()> {
    let properties = WriterProperties::builder().set_compression(Compression::SNAPPY).build();
    let schema = Arc::new(schema(columns));
    let mut out = ArrowWriter::try_new(writer, schema.clone(), Some(properties)).map_err(io::Error::other)?;
    for batch in batches(&schema, columns) {
        out.write(&batch?).map_err(io::Error::other)?;
    }
    out.close().map(drop).map_err(io::Error::other)
}

/// The columns as an Arrow IPC file, which is Feather of version 2.
pub(crate) fn arrow(writer: &mut impl Write, columns: &[(&str, Column<'_>)]) -> io::Result<()> {
    let schema = Arc::new(schema(columns));
    let mut out = FileWriter::try_new_buffered(writer, &schema).map_err(io::Error::other)?;
    for batch in batches(&schema, columns) {
        out.write(&batch?).map_err(io::Error::other)?;
    }
    out.finish().map_err(io::Error::other)?;
    out.get_mut().flush()
}

fn schema(columns: &[(&str, Column<'_>)]) -> Schema {
    let field = |(name, column): &(&str, Column<'_>)| {
        let kind = match column {
            Column::Text(_) => DataType::Utf8,
            Column::Float(_) => DataType::Float64,
            Column::Count(_) | Column::Label(_) => DataType::Int64,
        };
        Field::new(*name, kind, true)
    };
    Schema::new(columns.iter().map(field).collect::<Vec<_>>())
}

fn batches<'a>(
    schema: &'a Arc<Schema>,
    columns: &'a [(&str, Column<'_>)],
) -> impl Iterator<Item = io::Result<RecordBatch>> + 'a {
    let n = columns.first().map_or(0, |(_, column)| column.len());
    (0..n).step_by(ROWS).map(move |start| {
        let rows = start..(start + ROWS).min(n);
        let array = |(_, column): &(&str, Column<'_>)| -> ArrayRef {
            match column {
                Column::Text(v) => Arc::new(StringArray::from_iter_values(&v[rows.clone()])),
                Column::Float(v) => Arc::new(
                    v[rows.clone()].iter().map(|v| (!v.is_nan()).then_some(*v)).collect::<Float64Array>(),
                ),
                Column::Count(v) => {
                    Arc::new(v[rows.clone()].iter().map(|v| Some(*v as i64)).collect::<Int64Array>())
                }
                Column::Label(v) => {
                    Arc::new(v[rows.clone()].iter().map(|v| v.map(i64::from)).collect::<Int64Array>())
                }
            }
        };
        RecordBatch::try_new(schema.clone(), columns.iter().map(array).collect()).map_err(io::Error::other)
    })
}
