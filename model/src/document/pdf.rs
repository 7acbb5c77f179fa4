//! A document as PDF.

use krilla::Document as Pdf;
use krilla::color::luma;
use krilla::error::KrillaError;
use krilla::geom::{PathBuilder, Point, Rect, Size, Transform};
use krilla::image::Image;
use krilla::metadata::Metadata;
use krilla::page::PageSettings;
use krilla::paint::Fill;
use krilla::surface::Surface;
use krilla::text::{Font, TextDirection};

use super::letters::{Letters, Style};
use super::place::{MARGIN, Mark, PAPER, WIDE, sheets};
use super::{Block, Document, DocumentError, MEDIUM, REGULAR, tidy};

const FOOT: Style = Style::new(8.0, false, 112);

pub(super) fn write(document: &Document) -> Result<Vec<u8>, DocumentError> {
    let letters = Letters::new()?;
    let fonts = [font(REGULAR)?, font(MEDIUM)?];
    let pictures = pictures(document)?;
    let sheets = sheets(document, &letters, &pictures);
    let title = tidy(&document.title);
    let mut pdf = Pdf::new();
    // No date and no number by chance: the same document gives the same bytes.
    pdf.set_metadata(
        Metadata::new()
            .title(title)
            .creator("Stipple".to_owned())
            .language("en".to_owned()),
    );
    let settings = PageSettings::from_wh(PAPER[0], PAPER[1])
        .ok_or_else(|| DocumentError::Pdf("no such paper".to_owned()))?;
    for (index, sheet) in sheets.iter().enumerate() {
        let mut page = pdf.start_page_with(settings.clone());
        let mut surface = page.surface();
        for mark in sheet {
            draw(&mut surface, &fonts, mark);
        }
        for mark in foot(&letters, &document.title, index + 1, sheets.len()) {
            draw(&mut surface, &fonts, &mark);
        }
        surface.finish();
        page.finish();
    }
    pdf.finish()
        .map_err(|error| failure(document, &pictures, &error))
}

fn font(bytes: &'static [u8]) -> Result<Font, DocumentError> {
    Font::new(bytes.into(), 0).ok_or(DocumentError::Font)
}

/// Number and caption of each picture.
fn captions(document: &Document) -> impl Iterator<Item = (&Vec<u8>, &String)> {
    document.blocks.iter().filter_map(|block| match block {
        Block::Picture { png, caption } => Some((png, caption)),
        _ => None,
    })
}

fn pictures(document: &Document) -> Result<Vec<Image>, DocumentError> {
    captions(document)
        .enumerate()
        .map(|(index, (png, caption))| {
            Image::from_png(png.clone().into(), true).map_err(|reason| DocumentError::Picture {
                number: index + 1,
                caption: caption.clone(),
                reason,
            })
        })
        .collect()
}

/// Pixels are only read when the file is written.
fn failure(document: &Document, pictures: &[Image], error: &KrillaError) -> DocumentError {
    let place = |image: &Image| pictures.iter().position(|picture| picture == image);
    match error {
        KrillaError::Image(image, _, reason) => {
            let index = place(image).unwrap_or_default();
            DocumentError::Picture {
                number: index + 1,
                caption: captions(document)
                    .nth(index)
                    .map(|(_, caption)| caption.clone())
                    .unwrap_or_default(),
                reason: reason.clone(),
            }
        }
        error => DocumentError::Pdf(error.to_string()),
    }
}

/// What stands below what is written: the title and the page's number.
fn foot(letters: &Letters, title: &str, page: usize, pages: usize) -> [Mark; 2] {
    let base = PAPER[1] - 0.5 * MARGIN;
    let number = format!("{page} / {pages}");
    let length = letters.length(&number, FOOT);
    let title = letters.cut(&letters.shown(title), WIDE - length - 20.0, FOOT);
    let mark = |left, text| Mark::Letters {
        left,
        base,
        style: FOOT,
        text,
    };
    [mark(MARGIN, title), mark(MARGIN + WIDE - length, number)]
}

fn paint(gray: u8) -> Fill {
    Fill {
        paint: luma::Color::new(gray).into(),
        ..Fill::default()
    }
}

fn draw(surface: &mut Surface<'_>, fonts: &[Font; 2], mark: &Mark) {
    match mark {
        Mark::Letters {
            left,
            base,
            style,
            text,
        } => {
            surface.set_fill(Some(paint(style.gray)));
            surface.draw_text(
                Point::from_xy(*left, *base),
                fonts[usize::from(style.bold)].clone(),
                style.size,
                text,
                false,
                TextDirection::LeftToRight,
            );
        }
        Mark::Line {
            left,
            y,
            length,
            thick,
            gray,
        } => {
            let mut path = PathBuilder::new();
            if let Some(rect) = Rect::from_xywh(*left, *y, *length, *thick) {
                path.push_rect(rect);
            }
            if let Some(path) = path.finish() {
                surface.set_fill(Some(paint(*gray)));
                surface.draw_path(&path);
            }
        }
        Mark::Picture {
            left,
            top,
            size,
            image,
        } => {
            if let Some(size) = Size::from_wh(size[0], size[1]) {
                surface.push_transform(&Transform::from_translate(*left, *top));
                surface.draw_image(image.clone(), size);
                surface.pop();
            }
        }
    }
}
