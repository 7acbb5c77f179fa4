//! A document as one HTML page.

use pulldown_cmark::{Event, Options, Parser, html::push_html};

use super::{Document, tidy};

/// Looks well on a screen and on paper. Nothing is fetched.
const STYLE: &str = "\
body{margin:0 auto;max-width:46rem;padding:1.5rem;font:16px/1.45 Roboto,'Helvetica Neue',Arial,sans-serif;color:#222428;background:#fff}
h1{font-size:1.8rem;line-height:1.2}h2{font-size:1.35rem;margin-top:2rem}h3{font-size:1.1rem}h4{font-size:1rem}
h1,h2,h3,h4{font-weight:500;break-after:avoid}
table{border-collapse:collapse;margin:1rem 0;font-size:.9rem}
th,td{padding:.25rem .6rem;text-align:left;vertical-align:top;border-bottom:1px solid #ced0d3;overflow-wrap:anywhere}
th{font-weight:500;border-bottom:2px solid #70747a}
img{max-width:100%;height:auto;break-inside:avoid}
em{font-style:normal;font-size:.9rem;color:#70747a}
hr{border:0;border-top:1px solid #70747a;margin:2rem 0}
@media print{body{max-width:none;padding:0;font-size:10pt}tr{break-inside:avoid}thead{display:table-header-group}}
@page{size:A4;margin:20mm}";

pub(super) fn write(document: &Document) -> String {
    let markdown = document.markdown();
    // What is no markup of ours is text; nothing in a text is escaped wrongly, but a page for others shall not hang on that alone.
    let events = Parser::new_ext(&markdown, Options::ENABLE_TABLES).map(|event| match event {
        Event::Html(raw) | Event::InlineHtml(raw) => Event::Text(raw),
        event => event,
    });
    let mut body = String::with_capacity(markdown.len() + markdown.len() / 2);
    push_html(&mut body, events);
    let title = tidy(&document.title)
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;");
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; img-src data:; style-src 'unsafe-inline'\">\n\
         <title>{title}</title>\n<style>\n{STYLE}\n</style>\n</head>\n<body>\n{body}</body>\n</html>\n"
    )
}
