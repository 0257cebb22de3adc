//! The two fonts of a document: what they can draw, how wide it is, and where its lines break.

use std::sync::{Arc, Mutex, OnceLock};

use krilla::text::{Font, GlyphId, KrillaGlyph};
use rustybuzz::{Direction, Script, ShapePlan, UnicodeBuffer};

use super::PdfError;

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Weight {
    Regular,
    Bold,
}

pub(super) struct Face {
    pub font: Font,
    shaper: rustybuzz::Face<'static>,
    /// How each kind of text is shaped: making a plan costs more than using it.
    plans: Mutex<Vec<Arc<Plan>>>,
}

struct Plan {
    direction: Direction,
    script: Script,
    plan: ShapePlan,
}

pub(super) struct Faces {
    pub regular: Face,
    bold: Face,
}

/// The two fonts, read once. They are embedded in the binary and subset into each document.
pub(super) fn faces() -> Result<&'static Faces, PdfError> {
    static FACES: OnceLock<Option<Faces>> = OnceLock::new();
    let face = |bytes: &'static [u8]| {
        Some(Face {
            font: Font::new(bytes.into(), 0)?,
            shaper: rustybuzz::Face::from_slice(bytes, 0)?,
            plans: Mutex::default(),
        })
    };
    FACES
        .get_or_init(|| {
            Some(Faces {
                regular: face(include_bytes!(
                    "../../../templates/outage/font/DejaVuSans.ttf"
                ))?,
                bold: face(include_bytes!(
                    "../../../templates/outage/font/DejaVuSans-Bold.ttf"
                ))?,
            })
        })
        .as_ref()
        .ok_or_else(|| PdfError("the embedded fonts can't be read".into()))
}

impl Faces {
    pub fn get(&self, weight: Weight) -> &Face {
        match weight {
            Weight::Regular => &self.regular,
            Weight::Bold => &self.bold,
        }
    }
}

impl Face {
    /// Replaces what can't be drawn and drops what has no shape.
    pub fn drawable(&self, text: &str) -> String {
        text.chars()
            .filter_map(|c| match c {
                c if c.is_whitespace() => Some(' '),
                c if c.is_control() => None,
                '\u{ad}'
                | '\u{200b}'..='\u{200f}'
                | '\u{202a}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{feff}'
                | '\u{fe00}'..='\u{fe0f}' => None,
                // Private use characters mean nothing outside one font; PDF/A-2a refuses them.
                '\u{e000}'..='\u{f8ff}' | '\u{f0000}'.. => Some('\u{fffd}'),
                c if self.shaper.glyph_index(c).is_none() => Some('\u{fffd}'),
                c => Some(c),
            })
            .collect()
    }

    fn plan(&self, direction: Direction, script: Script) -> Arc<Plan> {
        let mut plans = self
            .plans
            .lock()
            .unwrap_or_else(|poison| poison.into_inner());
        let known = plans
            .iter()
            .find(|plan| plan.direction == direction && plan.script == script);
        if let Some(plan) = known {
            return plan.clone();
        }
        let plan = Arc::new(Plan {
            direction,
            script,
            plan: ShapePlan::new(&self.shaper, direction, Some(script), None, &[]),
        });
        plans.push(plan.clone());
        plan
    }

    /// The glyphs of one line, in units of the font size.
    pub fn shape(&self, text: &str) -> Vec<KrillaGlyph> {
        let mut buffer = UnicodeBuffer::new();
        buffer.push_str(text);
        buffer.guess_segment_properties();
        let plan = self.plan(buffer.direction(), buffer.script());
        let shaped = rustybuzz::shape_with_plan(&self.shaper, &plan.plan, buffer);
        let per_em = self.font.units_per_em();
        let mut starts: Vec<usize> = shaped
            .glyph_infos()
            .iter()
            .map(|info| info.cluster as usize)
            .collect();
        starts.sort_unstable();
        starts.dedup();
        let glyphs = shaped.glyph_infos().iter().zip(shaped.glyph_positions());
        glyphs
            .map(|(info, position)| {
                let start = info.cluster as usize;
                let next = starts.partition_point(|other| *other <= start);
                let end = starts.get(next).copied().unwrap_or(text.len());
                KrillaGlyph::new(
                    GlyphId::new(info.glyph_id),
                    position.x_advance as f32 / per_em,
                    position.x_offset as f32 / per_em,
                    position.y_offset as f32 / per_em,
                    position.y_advance as f32 / per_em,
                    start..end,
                    None,
                )
            })
            .collect()
    }

    pub fn width(&self, text: &str, size: f32) -> f32 {
        self.shape(text)
            .iter()
            .map(|glyph| glyph.x_advance * size)
            .sum()
    }

    /// Lines that fit `width`; a word that is longer is cut.
    pub fn wrap(&self, text: &str, size: f32, width: f32) -> Vec<String> {
        let text = self.drawable(text);
        let width = width.max(2.0 * size);
        let blank = self.width(" ", size);
        let mut lines = Vec::new();
        let mut line = String::new();
        let mut used = 0.0;
        for word in text.split(' ').filter(|word| !word.is_empty()) {
            let mut gap = if line.is_empty() { 0.0 } else { blank };
            for mut piece in pieces(word) {
                let mut wide = self.width(piece, size);
                if used > 0.0 && used + gap + wide > width {
                    lines.push(std::mem::take(&mut line));
                    used = 0.0;
                    gap = 0.0;
                }
                while wide > width {
                    let fits = self.prefix(piece, size, width);
                    lines.push(piece[..fits].to_owned());
                    piece = &piece[fits..];
                    wide = self.width(piece, size);
                }
                if gap > 0.0 {
                    line.push(' ');
                }
                line.push_str(piece);
                used += gap + wide;
                gap = 0.0;
            }
        }
        if !line.is_empty() || lines.is_empty() {
            lines.push(line);
        }
        lines
    }

    /// Bytes of the longest start of `word` that fits; at least one character.
    fn prefix(&self, word: &str, size: f32, width: f32) -> usize {
        let ends: Vec<usize> = word
            .char_indices()
            .map(|(at, c)| at + c.len_utf8())
            .collect();
        let fitting = ends.partition_point(|end| self.width(&word[..*end], size) <= width);
        ends[fitting.saturating_sub(1)]
    }
}

/// A word in pieces of at most 64 characters: measuring a pasted blob again for each of its lines would take for ever.
fn pieces(word: &str) -> impl Iterator<Item = &str> {
    let mut rest = word;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let end = rest.char_indices().nth(64).map_or(rest.len(), |(at, _)| at);
        let (piece, after) = rest.split_at(end);
        rest = after;
        Some(piece)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: f32 = 10.0;

    #[test]
    fn lines_fit_and_lose_no_word() {
        let face = &faces().unwrap().regular;
        let text = "Between 04:07 and 04:54 a third of the orders of Northwind Traders could not be paid; nothing was lost.";
        let lines = face.wrap(text, BODY, 120.0);
        assert!(lines.len() > 3);
        assert!(
            lines.iter().all(|line| face.width(line, BODY) <= 120.5),
            "{lines:?}"
        );
        assert_eq!(lines.join(" "), text);
        assert_eq!(face.wrap("", BODY, 120.0), [""]);
        assert_eq!(
            face.wrap(&"w".repeat(100), BODY, 120.0).concat(),
            "w".repeat(100)
        );
    }
}
