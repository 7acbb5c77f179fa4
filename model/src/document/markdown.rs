//! A document as Markdown.

use base64::Engine as _;

use super::{Block, Document, numeric, tidy, width};

/// Signs that mean something to Markdown wherever they stand.
const ANYWHERE: &str = r"\`*_[]<>&|~#$";
/// Signs that mean something at the start of a line.
const AT_START: &str = "+-=:";

pub(super) fn write(document: &Document) -> String {
    let mut out = format!("# {}\n", line(&document.title));
    let mut bullet = '*';
    for block in &document.blocks {
        // Two lists in a row are told apart by their bullets.
        bullet = match (block, bullet) {
            (Block::List(_), '*') => '-',
            _ => '*',
        };
        let text = one(block, bullet);
        if !text.is_empty() {
            out.push('\n');
            out.push_str(&text);
        }
    }
    out
}

/// One block, with the line's end; nothing of what is empty.
fn one(block: &Block, bullet: char) -> String {
    match block {
        Block::Heading(level, text) => {
            format!("{} {}\n", &"####"[..heading(*level)], line(text))
        }
        Block::Text(text) => match line(text) {
            text if text.is_empty() => text,
            text => text + "\n",
        },
        Block::List(points) => points
            .iter()
            .map(|point| format!("{bullet} {}\n", line(point)))
            .collect(),
        Block::Table { columns, rows } => table(columns, rows),
        Block::Picture { png, caption } => {
            let caption = line(caption);
            let data = base64::engine::general_purpose::STANDARD.encode(png);
            let below = if caption.is_empty() {
                String::new()
            } else {
                format!("\n*{caption}*\n")
            };
            format!("![{caption}](data:image/png;base64,{data})\n{below}")
        }
        Block::Rule => "---\n".to_owned(),
    }
}

/// How many `#` a heading has: the title has one.
fn heading(level: u8) -> usize {
    usize::from(level.clamp(1, 3)) + 1
}

fn table(columns: &[String], rows: &[Vec<String>]) -> String {
    let width = width(columns, rows);
    if width == 0 {
        return String::new();
    }
    let write = |cells: &[String]| {
        let cells: Vec<String> = (0..width)
            .map(|i| cells.get(i).map(|cell| line(cell)).unwrap_or_default())
            .collect();
        format!("| {} |\n", cells.join(" | "))
    };
    let below: Vec<&str> = numeric(width, rows)
        .into_iter()
        .map(|right| if right { "---:" } else { "---" })
        .collect();
    let mut out = write(columns);
    out.push_str(&format!("| {} |\n", below.join(" | ")));
    out.extend(rows.iter().map(|row| write(row)));
    out
}

/// A text as a line of Markdown that reads as that text.
fn line(text: &str) -> String {
    let text = tidy(text);
    let mut out = String::with_capacity(text.len() + 8);
    let number = text.bytes().take_while(u8::is_ascii_digit).count();
    for (at, c) in text.char_indices() {
        let first = at == 0 && AT_START.contains(c);
        // "1. " and "1) " start a list.
        let ends = matches!(text.as_bytes().get(at + 1), None | Some(b' '));
        let after_number = number > 0 && at == number && matches!(c, '.' | ')') && ends;
        if first || after_number || ANYWHERE.contains(c) {
            out.push('\\');
        }
        out.push(c);
    }
    out
}
