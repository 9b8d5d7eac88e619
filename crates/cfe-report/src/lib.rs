//! Building blocks of reports: a [`Document`] of text, tables and figures, and writers that turn it into
//! bytes.
//!
//! A command measures, puts what it measured into one serde struct of its own, and makes a document from
//! that: the struct implements [`Results`], and [`render`] and [`files`] turn it into every [`Format`]. The
//! writers ([`terminal`], [`markdown`], [`html`]) know nothing of the command.

#![forbid(unsafe_code)]

pub mod chart;
mod heat;
pub mod html;
pub mod markdown;
mod markup;
pub mod number;
mod origin;
mod printable;
mod ranks;
mod results;
pub mod scale;
mod slider;
pub mod svg;
pub mod table;
pub mod terminal;

pub use chart::{Axis, Bar, Ink, Panel, Stroke};
pub use heat::HeatMap;
pub use origin::{Origin, Passing};
pub use printable::{printable, printable_lines, steers};
pub use ranks::RankDiagram;
pub use results::{FILES, Format, FormatError, Results, Rows, field, files, render, to_json};
pub use slider::{AtThreshold, ThresholdSlider};
pub use table::{Cell, Table, Tone};

/// A report, in the order it is read.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Document {
    /// Title.
    pub title: String,
    /// The answers, one sentence or two each, before anything else.
    pub answers: Vec<String>,
    /// What follows.
    pub sections: Vec<Section>,
}

/// A headed part of a document.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Section {
    /// Heading.
    pub title: String,
    /// Contents.
    pub blocks: Vec<Block>,
}

/// A piece of a section.
#[derive(Debug, Clone, PartialEq)]
pub enum Block {
    /// A paragraph of plain text.
    Text(String),
    /// A bulleted list of plain text.
    List(Vec<String>),
    /// A table.
    Table(Table),
    /// Charts under one caption. Only HTML can show them.
    Figure {
        /// Says what is seen.
        caption: String,
        /// The charts.
        panels: Vec<Panel>,
    },
    /// Heat maps under one caption. Only HTML can show them.
    HeatMaps {
        /// Says what is seen.
        caption: String,
        /// The maps.
        maps: Vec<HeatMap>,
    },
    /// A critical-difference diagram. Only HTML can show it.
    Ranks {
        /// Says what is seen.
        caption: String,
        /// The diagram.
        diagram: RankDiagram,
    },
    /// A threshold to be moved. Text shows a table of some thresholds instead.
    Slider(ThresholdSlider),
}

impl Block {
    /// Whether text cannot show it.
    pub fn is_drawing(&self) -> bool {
        matches!(self, Block::Figure { .. } | Block::HeatMaps { .. } | Block::Ranks { .. })
    }
}

impl Section {
    /// An empty section.
    pub fn new(title: impl Into<String>) -> Self {
        Self { title: title.into(), blocks: Vec::new() }
    }

    /// Adds a paragraph.
    #[must_use]
    pub fn text(mut self, text: impl Into<String>) -> Self {
        self.blocks.push(Block::Text(text.into()));
        self
    }

    /// Adds a list; an empty one leaves no trace.
    #[must_use]
    pub fn list(mut self, items: Vec<String>) -> Self {
        if !items.is_empty() {
            self.blocks.push(Block::List(items));
        }
        self
    }

    /// Adds a table.
    #[must_use]
    pub fn table(mut self, table: Table) -> Self {
        self.blocks.push(Block::Table(table));
        self
    }

    /// Adds charts; none leave no trace.
    #[must_use]
    pub fn figure(mut self, caption: impl Into<String>, panels: Vec<Panel>) -> Self {
        if !panels.is_empty() {
            self.blocks.push(Block::Figure { caption: caption.into(), panels });
        }
        self
    }

    /// Adds heat maps; none leave no trace.
    #[must_use]
    pub fn heat_maps(mut self, caption: impl Into<String>, maps: Vec<HeatMap>) -> Self {
        if !maps.is_empty() {
            self.blocks.push(Block::HeatMaps { caption: caption.into(), maps });
        }
        self
    }

    /// Adds a threshold to be moved.
    #[must_use]
    pub fn slider(mut self, slider: ThresholdSlider) -> Self {
        self.blocks.push(Block::Slider(slider));
        self
    }

    /// Adds a critical-difference diagram.
    #[must_use]
    pub fn ranks(mut self, caption: impl Into<String>, diagram: RankDiagram) -> Self {
        self.blocks.push(Block::Ranks { caption: caption.into(), diagram });
        self
    }
}
