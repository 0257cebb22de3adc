//! A sheet on paper: PDF/A-2a and PDF/UA-1 at once, A4, tagged, with an outline; the same sheet is the same bytes.
//!
//! Our own small layout on krilla: lines are broken at blanks, tables repeat their head, every page has its footer. Text is shaped
//! with one family of wide coverage (Latin, Greek, Cyrillic, Arabic, Hebrew and more); a character that it doesn't have becomes
//! U+FFFD rather than spoiling the document. Lines that mix writing directions are not reordered.

use self::face::{Faces, Weight, faces};
use super::sheet::{Block, PAGE_NUMBER, PAGE_TOTAL, Sheet, paragraphs};
use crate::domain::timestamp::Timestamp;
use krilla::Document;
use krilla::SerializeSettings;
use krilla::color::rgb;
use krilla::configure::{Accessibility, Archival, ConfigurationBuilder};
use krilla::destination::XyzDestination;
use krilla::geom::{PathBuilder, Point, Rect, Transform};
use krilla::metadata::{DateTime, Metadata};
use krilla::num::NormalizedF32;
use krilla::outline::{Outline, OutlineNode};
use krilla::page::PageSettings;
use krilla::paint::{Fill, FillRule};
use krilla::surface::Surface;
use krilla::tagging::{
    Artifact, ArtifactType, ContentTag, Identifier, ListNumbering, SpanTag, TableHeaderScope, Tag,
    TagGroup, TagKind, TagTree,
};

mod face;

/// A4 in points.
const WIDTH: f32 = 595.28;
const HEIGHT: f32 = 841.89;
const MARGIN: f32 = 56.0;
const TOP: f32 = 60.0;
/// Below this nothing of the text stands; the footer does.
const BOTTOM: f32 = HEIGHT - 70.0;
const LEADING: f32 = 1.4;
const BODY: f32 = 10.0;
const SMALL: f32 = 7.5;
const GAP: f32 = 10.0;

/// Why a sheet could not be set. Says what the PDF standard missed; a bug of ours, not the reader's.
#[derive(Debug, thiserror::Error)]
#[error("the PDF could not be made: {0}")]
pub struct PdfError(String);

/// The PDF of a sheet.
pub fn write(sheet: &Sheet) -> Result<Vec<u8>, PdfError> {
    let faces = faces()?;
    let mut press = Press::new(faces);
    press.set(sheet);
    press.print(sheet)
}

/// A line of text in its place; `node` is what it belongs to in the tag tree, `None` for what only decorates.
struct Line {
    x: f32,
    baseline: f32,
    size: f32,
    weight: Weight,
    text: String,
    node: Option<usize>,
}

#[derive(Default)]
struct PageOf {
    lines: Vec<Line>,
    /// Thin rules: left, top, width.
    rules: Vec<(f32, f32, f32)>,
}

/// A place in the tag tree; its lines' marks are added while printing.
struct Node {
    tag: TagKind,
    parent: Option<usize>,
    marks: Vec<Identifier>,
}

struct Press<'f> {
    faces: &'f Faces,
    pages: Vec<PageOf>,
    y: f32,
    nodes: Vec<Node>,
    /// Text, page and height of each heading.
    headings: Vec<(String, usize, f32)>,
}

impl<'f> Press<'f> {
    fn new(faces: &'f Faces) -> Self {
        Self {
            faces,
            pages: vec![PageOf::default()],
            y: TOP,
            nodes: Vec::new(),
            headings: Vec::new(),
        }
    }

    fn node(&mut self, tag: impl Into<TagKind>, parent: Option<usize>) -> usize {
        self.nodes.push(Node {
            tag: tag.into(),
            parent,
            marks: Vec::new(),
        });
        self.nodes.len() - 1
    }

    fn new_page(&mut self) {
        self.pages.push(PageOf::default());
        self.y = TOP;
    }

    /// Starts a page unless `height` is left on this one (or nothing stands on it yet).
    fn need(&mut self, height: f32) {
        if self.y + height > BOTTOM && self.y > TOP {
            self.new_page();
        }
    }

    fn page(&mut self) -> &mut PageOf {
        let last = self.pages.len() - 1;
        &mut self.pages[last]
    }

    fn put(&mut self, x: f32, size: f32, weight: Weight, text: String, node: Option<usize>) {
        let baseline = self.y + size;
        self.page().lines.push(Line {
            x,
            baseline,
            size,
            weight,
            text,
            node,
        });
    }

    /// A run of lines under one node, over as many pages as it takes.
    fn flow(&mut self, text: &str, x: f32, size: f32, weight: Weight, node: usize) {
        for line in self.faces.get(weight).wrap(text, size, WIDTH - MARGIN - x) {
            self.need(size * LEADING);
            self.put(x, size, weight, line, Some(node));
            self.y += size * LEADING;
        }
    }

    fn heading(&mut self, text: &str, level: u16, size: f32) {
        if text.trim().is_empty() {
            return;
        }
        // Never alone at the foot of a page.
        self.need(size * LEADING + 3.0 * BODY * LEADING);
        let level = std::num::NonZeroU16::new(level).unwrap_or(std::num::NonZeroU16::MIN);
        let node = self.node(Tag::Hn(level, Some(text.to_owned())), None);
        self.headings
            .push((text.to_owned(), self.pages.len() - 1, self.y));
        self.flow(text, MARGIN, size, Weight::Bold, node);
    }

    fn set(&mut self, sheet: &Sheet) {
        if let Some(mark) = &sheet.watermark {
            let node = self.node(Tag::P, None);
            let sentence = format!("{}: {}", mark.word, mark.sentence);
            self.flow(&sentence, MARGIN, BODY, Weight::Bold, node);
            self.y += GAP;
        }
        self.heading(&sheet.title, 1, 18.0);
        let node = self.node(Tag::P, None);
        self.flow(&sheet.subtitle, MARGIN, BODY, Weight::Regular, node);
        self.y += GAP;
        for block in &sheet.blocks {
            match block {
                Block::Heading(text) => {
                    self.y += GAP;
                    self.heading(text, 2, 12.0);
                    self.y += 2.0;
                }
                Block::Text(text) => {
                    for paragraph in paragraphs(text) {
                        let node = self.node(Tag::P, None);
                        for line in paragraph.lines() {
                            self.flow(line, MARGIN, BODY, Weight::Regular, node);
                        }
                        self.y += GAP / 2.0;
                    }
                }
                Block::List(items) => self.list(items),
                Block::Facts(facts) => {
                    let table = self.node(Tag::Table, None);
                    for (name, value) in facts {
                        let row = self.node(Tag::TR, Some(table));
                        let head = self.node(Tag::TH(TableHeaderScope::Row), Some(row));
                        let data = self.node(Tag::TD, Some(row));
                        self.row(
                            &[
                                (name, Weight::Bold, Some(head)),
                                (value, Weight::Regular, Some(data)),
                            ],
                            &[2, 5],
                            None,
                        );
                    }
                    self.y += GAP / 2.0;
                }
                Block::Table { head, rows, shares } => self.table(head, rows, shares),
            }
        }
    }

    fn list(&mut self, items: &[String]) {
        let list = self.node(Tag::L(ListNumbering::Disc), None);
        for item in items {
            let entry = self.node(Tag::LI, Some(list));
            let label = self.node(Tag::Lbl, Some(entry));
            let body = self.node(Tag::LBody, Some(entry));
            self.need(BODY * LEADING);
            self.put(MARGIN, BODY, Weight::Regular, "•".into(), Some(label));
            self.flow(item, MARGIN + 14.0, BODY, Weight::Regular, body);
            self.y += 2.0;
        }
        self.y += GAP / 2.0;
    }

    fn table(&mut self, head: &[String], rows: &[Vec<String>], shares: &[u16]) {
        let table = self.node(Tag::Table, None);
        let header = self.node(Tag::THead, Some(table));
        let row = self.node(Tag::TR, Some(header));
        let cells: Vec<_> = head
            .iter()
            .map(|name| {
                (
                    name,
                    Weight::Bold,
                    Some(self.node(Tag::TH(TableHeaderScope::Column), Some(row))),
                )
            })
            .collect();
        self.need(3.0 * BODY * LEADING);
        self.row(&cells, shares, None);
        let body = self.node(Tag::TBody, Some(table));
        for values in rows {
            let row = self.node(Tag::TR, Some(body));
            let cells: Vec<_> = values
                .iter()
                .map(|value| (value, Weight::Regular, Some(self.node(Tag::TD, Some(row)))))
                .collect();
            self.row(&cells, shares, Some(head));
        }
        self.y += GAP / 2.0;
    }

    /// One row of cells. It moves to the next page as a whole if it fits there, else it is broken between lines; `again` is the
    /// head that is repeated on a new page, for the eye only (a reader's tool knows the head already).
    fn row(
        &mut self,
        cells: &[(&String, Weight, Option<usize>)],
        shares: &[u16],
        again: Option<&[String]>,
    ) {
        let all: f32 = shares.iter().copied().map(f32::from).sum();
        let mut x = MARGIN;
        let mut columns = Vec::new();
        for (at, (text, weight, node)) in cells.iter().enumerate() {
            let share = shares.get(at).copied().map_or(1.0, f32::from);
            let width = (WIDTH - 2.0 * MARGIN) * share / all.max(1.0);
            let lines = self.faces.get(*weight).wrap(text, BODY, width - 8.0);
            columns.push((x, *weight, *node, lines));
            x += width;
        }
        let count = columns
            .iter()
            .map(|(_, _, _, lines)| lines.len())
            .max()
            .unwrap_or(0);
        let height = count as f32 * BODY * LEADING + 5.0;
        if self.y + height > BOTTOM && height < BOTTOM - TOP - 4.0 * BODY * LEADING {
            self.break_table(shares, again);
        }
        for at in 0..count {
            if self.y + BODY * LEADING > BOTTOM {
                self.break_table(shares, again);
            }
            for (x, weight, node, lines) in &columns {
                if let Some(line) = lines.get(at) {
                    self.put(*x, BODY, *weight, line.clone(), *node);
                }
            }
            self.y += BODY * LEADING;
        }
        self.y += 2.0;
        let y = self.y;
        self.page().rules.push((MARGIN, y, WIDTH - 2.0 * MARGIN));
        self.y += 3.0;
    }

    fn break_table(&mut self, shares: &[u16], again: Option<&[String]>) {
        self.new_page();
        if let Some(head) = again {
            let cells: Vec<_> = head.iter().map(|name| (name, Weight::Bold, None)).collect();
            self.row(&cells, shares, None);
        }
    }

    fn print(mut self, sheet: &Sheet) -> Result<Vec<u8>, PdfError> {
        let configuration = ConfigurationBuilder::new()
            .with_archival_validator(Archival::A2_A)
            .with_accessibility_validator(Accessibility::UA1)
            .finish()
            .map_err(|error| PdfError(format!("{error:?}")))?;
        let mut document = Document::new_with(SerializeSettings {
            configuration,
            ..SerializeSettings::default()
        });
        let total = self.pages.len();
        let size = PageSettings::from_wh(WIDTH, HEIGHT)
            .ok_or_else(|| PdfError("an impossible page size".into()))?;
        for (number, content) in std::mem::take(&mut self.pages).into_iter().enumerate() {
            let mut page = document.start_page_with(size.clone());
            let mut surface = page.surface();
            if let Some(mark) = &sheet.watermark {
                self.watermark(&mut surface, &mark.word);
            }
            for line in &content.lines {
                self.line(&mut surface, line);
            }
            for rule in &content.rules {
                draw_rule(&mut surface, *rule);
            }
            self.footer(&mut surface, sheet, number + 1, total);
            surface.finish();
            page.finish();
        }
        let mut outline = Outline::new();
        for (text, page, y) in &self.headings {
            let place = XyzDestination::new(*page, Point::from_xy(MARGIN, *y));
            outline.push_child(OutlineNode::new(text.clone(), place));
        }
        document.set_outline(outline);
        document.set_tag_tree(self.tree(&sheet.language));
        document.set_metadata(
            Metadata::new()
                .title(sheet.title.clone())
                .language(sheet.language.clone())
                .creator("Watchkeeper".into())
                .document_id(sheet.identity.clone())
                .creation_date(date(sheet.dated_at)),
        );
        document
            .finish()
            .map_err(|error| PdfError(format!("{error:?}")))
    }

    fn line(&mut self, surface: &mut Surface<'_>, line: &Line) {
        if line.text.is_empty() {
            return;
        }
        let tag = match line.node {
            Some(_) => ContentTag::Span(SpanTag::empty()),
            None => ContentTag::Artifact(Artifact::with_kind(ArtifactType::PaginationOther)),
        };
        let mark = surface.start_tagged(tag);
        self.draw(
            surface,
            line.x,
            line.baseline,
            line.size,
            line.weight,
            &line.text,
        );
        surface.end_tagged();
        if let Some(node) = line.node {
            self.nodes[node].marks.push(mark);
        }
    }

    fn draw(
        &self,
        surface: &mut Surface<'_>,
        x: f32,
        baseline: f32,
        size: f32,
        weight: Weight,
        text: &str,
    ) {
        let face = self.faces.get(weight);
        let glyphs = face.shape(text);
        surface.draw_glyphs(
            Point::from_xy(x, baseline),
            &glyphs,
            face.font.clone(),
            text,
            size,
            false,
        );
    }

    fn footer(&self, surface: &mut Surface<'_>, sheet: &Sheet, number: usize, total: usize) {
        let face = self.faces.get(Weight::Regular);
        let page = sheet
            .page_label
            .replace(PAGE_NUMBER, &number.to_string())
            .replace(PAGE_TOTAL, &total.to_string());
        let page = face.drawable(&page);
        draw_rule(surface, (MARGIN, BOTTOM + 12.0, WIDTH - 2.0 * MARGIN));
        surface.start_tagged(ContentTag::Artifact(Artifact::with_kind(
            ArtifactType::Footer,
        )));
        let wide = face.width(&page, SMALL);
        self.draw(
            surface,
            WIDTH - MARGIN - wide,
            BOTTOM + 24.0,
            SMALL,
            Weight::Regular,
            &page,
        );
        let lines = face.wrap(&sheet.footer, SMALL, WIDTH - 2.0 * MARGIN - wide - GAP);
        for (at, line) in lines.iter().take(3).enumerate() {
            let baseline = BOTTOM + 24.0 + at as f32 * SMALL * LEADING;
            self.draw(surface, MARGIN, baseline, SMALL, Weight::Regular, line);
        }
        surface.end_tagged();
    }

    /// Across the page and under the text, light enough to read over.
    fn watermark(&self, surface: &mut Surface<'_>, word: &str) {
        let face = self.faces.get(Weight::Bold);
        let word = face.drawable(word);
        let size = (420.0 / face.width(&word, 1.0).max(1.0)).min(110.0);
        let wide = face.width(&word, size);
        surface.start_tagged(ContentTag::Artifact(Artifact::with_kind(
            ArtifactType::Watermark,
        )));
        surface.push_transform(&Transform::from_rotate_at(-52.0, WIDTH / 2.0, HEIGHT / 2.0));
        surface.set_fill(Some(fill(238)));
        self.draw(
            surface,
            (WIDTH - wide) / 2.0,
            HEIGHT / 2.0 + size / 3.0,
            size,
            Weight::Bold,
            &word,
        );
        surface.set_fill(None);
        surface.pop();
        surface.end_tagged();
    }

    /// The nodes as krilla's tree, children in the order in which they were made.
    fn tree(&mut self, language: &str) -> TagTree {
        let mut roots = Vec::new();
        let mut children: Vec<Vec<TagGroup>> = (0..self.nodes.len()).map(|_| Vec::new()).collect();
        // Parents are made before their children, so walking backwards finds every group complete.
        for at in (0..self.nodes.len()).rev() {
            let node = &mut self.nodes[at];
            let mut group = TagGroup::new(node.tag.clone());
            for mark in node.marks.drain(..) {
                group.push(mark);
            }
            for child in std::mem::take(&mut children[at]).into_iter().rev() {
                group.push(child);
            }
            match node.parent {
                Some(parent) => children[parent].push(group),
                None => roots.push(group),
            }
        }
        let mut tree = TagTree::new().with_lang(Some(language.to_owned()));
        for group in roots.into_iter().rev() {
            tree.push(group);
        }
        tree
    }
}

fn fill(grey: u8) -> Fill {
    Fill {
        paint: rgb::Color::new(grey, grey, grey).into(),
        opacity: NormalizedF32::ONE,
        rule: FillRule::default(),
    }
}

fn draw_rule(surface: &mut Surface<'_>, (x, y, width): (f32, f32, f32)) {
    let mut path = PathBuilder::new();
    if let Some(rect) = Rect::from_xywh(x, y, width, 0.5) {
        path.push_rect(rect);
    }
    let Some(path) = path.finish() else { return };
    surface.start_tagged(ContentTag::Artifact(Artifact::with_kind(
        ArtifactType::Layout,
    )));
    surface.set_fill(Some(fill(150)));
    surface.draw_path(&path);
    surface.set_fill(None);
    surface.end_tagged();
}

fn date(at: Timestamp) -> DateTime {
    use chrono::{Datelike, Timelike};
    let at = at.utc();
    DateTime::new(at.year().clamp(0, 9999) as u16)
        .month(at.month() as u8)
        .day(at.day() as u8)
        .hour(at.hour() as u8)
        .minute(at.minute() as u8)
        .second(at.second() as u8)
        .utc_offset_hour(0)
        .utc_offset_minute(0)
}

#[cfg(test)]
mod tests {
    use super::super::sheet::tests::example;
    use super::*;

    #[test]
    fn the_same_sheet_is_the_same_bytes() {
        let bytes = write(&example()).unwrap();
        assert!(bytes.starts_with(b"%PDF-1.7"));
        assert_eq!(bytes, write(&example()).unwrap());
        let mut other = example();
        other.watermark = None;
        assert_ne!(bytes, write(&other).unwrap());
    }

    #[test]
    fn any_text_can_be_set() {
        let mut sheet = example();
        sheet.watermark = None;
        sheet.blocks = vec![
            Block::Text(
                "\u{e000}\u{0}\u{202e}漢字 emoji 🦀 עברית العربية \u{f0000} e\u{301} ﬁ".into(),
            ),
            Block::Text("x".repeat(2_000)),
            Block::Facts(vec![
                ("n".repeat(300), "word ".repeat(1_500)),
                (String::new(), String::new()),
            ]),
            Block::List(vec![String::new(), "y ".repeat(1_000)]),
            Block::Table {
                head: vec!["a".into(), "b".into()],
                rows: vec![vec!["z ".repeat(3_000), String::new()]],
                shares: vec![1, 0],
            },
            Block::Table {
                head: vec![],
                rows: vec![],
                shares: vec![],
            },
            Block::Heading(String::new()),
        ];
        write(&sheet).unwrap();
    }
}
