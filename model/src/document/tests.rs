use proptest::collection::vec;
use proptest::prelude::*;
use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

use super::letters::{Letters, Style};
use super::*;

/// A picture of so many pixels: a ramp.
fn png(width: u32, height: u32) -> Vec<u8> {
    let image = image::RgbImage::from_fn(width, height, |x, y| {
        image::Rgb([(x % 256) as u8, (y % 256) as u8, 120])
    });
    let mut bytes = std::io::Cursor::new(Vec::new());
    image.write_to(&mut bytes, image::ImageFormat::Png).unwrap();
    bytes.into_inner()
}

fn words(list: &[&str]) -> Vec<String> {
    list.iter().map(|&word| word.to_owned()).collect()
}

/// One of each block, and what is hard in each.
fn all() -> Document {
    Document {
        title: "Session report <draft> & more".to_owned(),
        blocks: vec![
            Block::Heading(1, "Dots # placed #".to_owned()),
            Block::Text(
                "A *star*, a _line_ in_doubt, <script>alert(1)</script>, [a link](http://x), `code`, 1 < 2 & 3 > 2 &amp; C:\\dir\n\n    next line | a bar ~~gone~~ $x$"
                    .to_owned(),
            ),
            Block::Text("1. not a list".to_owned()),
            Block::Text("- nor this".to_owned()),
            Block::Text("=== nor a heading".to_owned()),
            Block::Text("  \t ".to_owned()),
            Block::List(words(&["zone “crown”: 7 mm² – ≤ 2 °", "", "- a dash", "# a sharp"])),
            Block::List(words(&["another list"])),
            Block::Heading(2, "Per zone".to_owned()),
            Block::Table {
                columns: words(&["zone", "dots", "why"]),
                rows: vec![
                    words(&["front | left", "1200", "out of reach"]),
                    words(&["crown", "−3.5"]),
                    words(&["", "", "", "a fourth"]),
                ],
            },
            Block::Table {
                columns: Vec::new(),
                rows: Vec::new(),
            },
            Block::Rule,
            Block::Heading(9, "Picture".to_owned()),
            Block::Picture {
                png: png(2, 1),
                caption: "The head [from above]".to_owned(),
            },
        ],
    }
}

/// The text of each page.
fn pages(pdf: &[u8]) -> Vec<String> {
    let file = lopdf::Document::load_mem(pdf).unwrap();
    let numbers: Vec<u32> = file.get_pages().keys().copied().collect();
    numbers
        .iter()
        .map(|number| file.extract_text(&[*number]).unwrap())
        .collect()
}

/// What Markdown reads as: blocks and cells on lines of their own.
fn read(markdown: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    for event in Parser::new_ext(markdown, Options::ENABLE_TABLES) {
        match event {
            Event::Text(text) => lines.last_mut().unwrap().push_str(&text),
            Event::End(
                TagEnd::Heading(_) | TagEnd::Paragraph | TagEnd::Item | TagEnd::TableCell,
            ) => lines.push(String::new()),
            Event::Start(
                Tag::Heading { .. }
                | Tag::Paragraph
                | Tag::List(_)
                | Tag::Item
                | Tag::Table(_)
                | Tag::TableHead
                | Tag::TableRow
                | Tag::TableCell,
            )
            | Event::End(TagEnd::List(_) | TagEnd::Table | TagEnd::TableHead | TagEnd::TableRow) => {
            }
            other => panic!("{other:?} out of plain text"),
        }
    }
    lines.retain(|line| !line.is_empty());
    lines
}

#[test]
fn markdown_of_all_blocks() {
    insta::assert_snapshot!(all().markdown());
}

#[test]
fn html_of_all_blocks() {
    let html = all().html();
    insta::assert_snapshot!(html);
    assert!(!html.contains("<script"), "text became markup");
    assert!(html.contains("&lt;script&gt;alert(1)&lt;/script&gt;"));
}

#[test]
fn a_pdf_has_the_text_in_order_over_its_pages() {
    let mut document = all();
    let row = |n: usize| vec![format!("dot-{n}"), n.to_string(), "placed".to_owned()];
    document.blocks.push(Block::Table {
        columns: words(&["dot", "number", "state"]),
        rows: (0..300).map(row).collect(),
    });
    document.blocks.push(Block::Text("the end".to_owned()));
    let pdf = document.pdf().unwrap();
    assert_eq!(pdf, document.pdf().unwrap(), "not the same bytes again");
    let pages = pages(&pdf);
    assert!((5..12).contains(&pages.len()), "{} pages", pages.len());
    let whole = pages.concat();
    let mut from = 0;
    for wanted in [
        "Session report <draft> & more",
        "A *star*",
        "front | left",
        "The head [from above]",
    ]
    .map(str::to_owned)
    .into_iter()
    .chain((0..300).map(|n| format!("dot-{n}")))
    .chain(["the end".to_owned()])
    {
        let place = whole[from..].find(&wanted);
        from += place.unwrap_or_else(|| panic!("{wanted} is not there, or not in order")) + 1;
    }
    for (index, page) in pages.iter().enumerate() {
        let number = format!("{} / {}", index + 1, pages.len());
        assert!(page.contains(&number), "no {number} on\n{page}");
    }
    assert!(
        pages[3].contains("state"),
        "the table's head is not repeated"
    );
    let file = lopdf::Document::load_mem(&pdf).unwrap();
    let info = file.trailer.get(b"Info").unwrap().as_reference().unwrap();
    let info = file.get_dictionary(info).unwrap();
    assert_eq!(
        info.get(b"Title").unwrap().as_str().unwrap(),
        b"Session report <draft> & more"
    );
}

#[test]
fn a_heading_stays_with_what_follows() {
    for lines in 30..60 {
        let mut document = Document::new("x");
        for _ in 0..lines {
            document.blocks.push(Block::Text("a line".to_owned()));
        }
        document
            .blocks
            .push(Block::Heading(1, "HEADING".to_owned()));
        document.blocks.push(Block::Heading(2, "BELOW".to_owned()));
        document.blocks.push(Block::Table {
            columns: words(&["COLUMN"]),
            rows: vec![words(&["CELL"])],
        });
        let pages = pages(&document.pdf().unwrap());
        let holds = |word: &str| pages.iter().position(|page| page.contains(word)).unwrap();
        assert_eq!(holds("HEADING"), holds("CELL"), "after {lines} lines");
        assert_eq!(holds("BELOW"), holds("COLUMN"));
    }
}

#[test]
fn what_the_fonts_lack_is_seen() {
    let letters = Letters::new().unwrap();
    assert_eq!(
        letters.shown("Łódź, Ωmega – ≤ 5 “x” → 漢字 ☃ \u{7}\u{202e} a\u{ad}b 1\u{2009}000"),
        "Łódź, Ωmega – ≤ 5 “x” -> ?? ? ?? ab 1 000"
    );
    let mut document = Document::new("漢");
    document.blocks.push(Block::Text("snow ☃ man".to_owned()));
    let text = pages(&document.pdf().unwrap()).concat();
    assert!(text.contains("snow ? man"), "{text}");
}

#[test]
fn both_weights_have_the_letters_that_are_promised() {
    use ab_glyph::Font as _;
    let of = |bytes| {
        let face = ab_glyph::FontRef::try_from_slice(bytes).unwrap();
        let mut all: Vec<char> = face.codepoint_ids().map(|(_, c)| c).collect();
        all.sort_unstable();
        all
    };
    let all = of(REGULAR);
    assert_eq!(all, of(MEDIUM));
    for c in "AZaz09ÄéŁžΑΩαω–—‘’‚“”•…−≤≥·²³°µ±×".chars() {
        assert!(all.contains(&c), "{c} is missing");
    }
}

#[test]
fn lines_are_no_longer_than_asked() {
    let letters = Letters::new().unwrap();
    let style = Style::new(10.0, false, 0);
    let text = "Some words and one averyveryverylongwordthatfitsnowhereatall, then some more.";
    for width in [1.0, 20.0, 60.0, 300.0] {
        let lines = letters.lines(text, width, style);
        for line in &lines {
            let length = letters.length(line, style);
            assert!(
                length <= width + 0.1 || line.chars().count() == 1,
                "{line:?} is {length}, not {width}"
            );
        }
        let bare = |text: &str| text.replace(' ', "");
        assert_eq!(bare(&lines.concat()), bare(text));
    }
}

#[test]
fn a_picture_that_is_none_is_named() {
    let mut document = Document::new("x");
    let mut half = png(50, 50);
    half.truncate(half.len() / 2);
    for (bytes, number) in [(png(3, 3), 1), (half, 2), (b"GIF89a".to_vec(), 2)] {
        document.blocks.truncate(1);
        document.blocks.push(Block::Picture {
            png: bytes,
            caption: "the head".to_owned(),
        });
        match document.pdf() {
            Ok(_) => assert_eq!(number, 1),
            Err(DocumentError::Picture {
                number: found,
                caption,
                ..
            }) => {
                assert_eq!((found, caption.as_str()), (number, "the head"));
            }
            Err(other) => panic!("{other}"),
        }
    }
}

#[test]
fn long_and_empty_tables_end() {
    let row = |n: usize| vec![n.to_string(), String::new(), "placed".to_owned()];
    let mut document = Document::new("");
    document.blocks = vec![
        Block::Table {
            columns: Vec::new(),
            rows: vec![Vec::new(); 10_000],
        },
        Block::Table {
            columns: words(&["dot"]),
            rows: (0..10_000).map(row).collect(),
        },
        // A cell higher than a sheet, a head higher than one, more columns than points.
        Block::Table {
            columns: vec!["a head ".repeat(2_000), "b".to_owned()],
            rows: vec![vec!["words ".repeat(20_000), "x".repeat(3_000)]; 2],
        },
        Block::Table {
            columns: vec!["c".to_owned(); 1_000],
            rows: vec![vec!["0.5".to_owned(); 1_000]; 3],
        },
        Block::List(Vec::new()),
        Block::Picture {
            png: png(1, 4_000),
            caption: String::new(),
        },
    ];
    let pages = pages(&document.pdf().unwrap());
    assert!(pages.len() > 200, "{} pages", pages.len());
    assert!(
        document
            .html()
            .contains("<td style=\"text-align: right\">9999</td>")
    );
}

fn texts() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[ -~]{0,60}",
        r"[-+=:#>|`*_\\~0-9.) \t\n&<>]{0,12}",
        "\\PC{0,300}",
    ]
}

fn blocks() -> impl Strategy<Value = Block> {
    prop_oneof![
        (any::<u8>(), texts()).prop_map(|(level, text)| Block::Heading(level, text)),
        texts().prop_map(Block::Text),
        vec(texts(), 0..4).prop_map(Block::List),
        (vec(texts(), 0..4), vec(vec(texts(), 0..5), 0..4))
            .prop_map(|(columns, rows)| Block::Table { columns, rows }),
        Just(Block::Rule),
    ]
}

/// The texts of a block as they are to be read.
fn wanted(block: &Block) -> Vec<String> {
    match block {
        Block::Heading(_, text) | Block::Text(text) => vec![tidy(text)],
        Block::List(points) => points.iter().map(|text| tidy(text)).collect(),
        Block::Table { columns, rows } => columns
            .iter()
            .chain(rows.iter().flatten())
            .map(|text| tidy(text))
            .collect(),
        _ => Vec::new(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn any_text_stays_text(title in texts(), blocks in vec(blocks(), 0..6)) {
        let document = Document { title, blocks };
        let mut expected = vec![tidy(&document.title)];
        for block in &document.blocks {
            expected.extend(wanted(block));
        }
        expected.retain(|line| !line.is_empty());
        let markdown = document.markdown();
        let found = read(&markdown.replace("\n---\n", "\n"));
        prop_assert_eq!(found, expected, "{}", markdown);
        prop_assert!(document.html().ends_with("</html>\n"));
        let pdf = document.pdf().unwrap();
        prop_assert!(pdf.starts_with(b"%PDF-"));
    }

    #[test]
    fn bytes_that_are_no_picture_are_refused(bytes in vec(any::<u8>(), 0..200), cut in 0usize..200, put in any::<u8>()) {
        let mut broken = png(9, 9);
        let at = cut.min(broken.len() - 1);
        broken[at] = put;
        for png in [bytes, broken] {
            let mut document = Document::new("x");
            document.blocks.push(Block::Picture { png, caption: String::new() });
            // Read or refused, but told either way.
            let _ = document.pdf();
        }
    }
}
