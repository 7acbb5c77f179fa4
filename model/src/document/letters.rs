//! How long letters are, and where lines break.

use ab_glyph::{Font as _, FontRef};

use super::{DocumentError, MEDIUM, REGULAR, tidy};

/// Lines may be longer than what they were measured for by this, points: sums of many lengths are not exact.
const SLACK: f32 = 0.02;

/// A size and a weight of letters.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Style {
    /// Points.
    pub size: f32,
    pub bold: bool,
    /// 0 is black.
    pub gray: u8,
}

impl Style {
    pub const fn new(size: f32, bold: bool, gray: u8) -> Self {
        Self { size, bold, gray }
    }

    /// From one base line to the next, points.
    pub const fn step(self) -> f32 {
        1.4 * self.size
    }

    /// From the top of a line to its base line, points.
    pub const fn rise(self) -> f32 {
        1.04 * self.size
    }
}

/// The fonts' measures.
pub(super) struct Letters {
    faces: [FontRef<'static>; 2],
}

impl Letters {
    pub fn new() -> Result<Self, DocumentError> {
        let face = |bytes| FontRef::try_from_slice(bytes).map_err(|_| DocumentError::Font);
        Ok(Self {
            faces: [face(REGULAR)?, face(MEDIUM)?],
        })
    }

    /// A text on one line in letters that the fonts have; `?` stands for any other.
    pub fn shown(&self, text: &str) -> String {
        let has = |c| self.faces.iter().all(|face| face.glyph_id(c).0 != 0);
        let mut out = String::with_capacity(text.len());
        for c in tidy(text).chars() {
            match c {
                // A soft hyphen is only seen where a word is broken at it, which is never done here.
                '\u{ad}' => {}
                c if has(c) => out.push(c),
                '\u{2010}' | '\u{2011}' => out.push('-'),
                '→' => out.push_str("->"),
                '←' => out.push_str("<-"),
                _ => out.push('?'),
            }
        }
        out
    }

    /// How long a letter is, points.
    fn advance(&self, c: char, style: Style) -> f32 {
        let face = &self.faces[usize::from(style.bold)];
        let em = face.units_per_em().unwrap_or(2048.0);
        face.h_advance_unscaled(face.glyph_id(c)) / em * style.size
    }

    /// How long a line is, points.
    pub fn length(&self, text: &str, style: Style) -> f32 {
        text.chars().map(|c| self.advance(c, style)).sum()
    }

    /// How long the longest word is, points.
    pub fn longest_word(&self, text: &str, style: Style) -> f32 {
        text.split(' ')
            .map(|word| self.length(word, style))
            .fold(0.0, f32::max)
    }

    /// A text in lines no longer than `width` points: broken between words, within a word only where it is longer than a line. A line has
    /// at least one letter, however narrow; there is at least one line.
    pub fn lines(&self, text: &str, width: f32, style: Style) -> Vec<String> {
        let width = width + SLACK;
        let space = self.advance(' ', style);
        let mut lines = Vec::new();
        let (mut line, mut used) = (String::new(), 0.0);
        for word in text.split(' ') {
            let long = self.length(word, style);
            if !line.is_empty() {
                if used + space + long <= width {
                    line.push(' ');
                    line.push_str(word);
                    used += space + long;
                    continue;
                }
                lines.push(std::mem::take(&mut line));
                used = 0.0;
            }
            if long <= width {
                line.push_str(word);
                used = long;
                continue;
            }
            for c in word.chars() {
                let more = self.advance(c, style);
                if !line.is_empty() && used + more > width {
                    lines.push(std::mem::take(&mut line));
                    used = 0.0;
                }
                line.push(c);
                used += more;
            }
        }
        lines.push(line);
        lines
    }

    /// A text cut to `width` points, with an ellipsis where it was cut.
    pub fn cut(&self, text: &str, width: f32, style: Style) -> String {
        if self.length(text, style) <= width {
            return text.to_owned();
        }
        let mut left = width - self.advance('…', style);
        let fits = |c: &char| {
            left -= self.advance(*c, style);
            left >= 0.0
        };
        let mut out: String = text.chars().take_while(fits).collect();
        out.push('…');
        out
    }
}
