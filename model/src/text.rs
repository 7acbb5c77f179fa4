//! Text out of files, for messages.

/// The longest that a parser is quoted.
pub const QUOTE: usize = 300;

/// The first `most` characters of a text, as one line: a file may hold anything, and a terminal obeys control characters.
#[must_use]
pub fn plain(text: &str, most: usize) -> String {
    let shown = |c: char| if c.is_control() { ' ' } else { c };
    text.chars().map(shown).take(most).collect()
}

/// An error and its causes in one line; what a cause says that was said already is not said again.
#[must_use]
pub fn one_line(error: &(dyn std::error::Error + 'static)) -> String {
    let mut said: Vec<String> = Vec::new();
    for cause in std::iter::successors(Some(error), |error| error.source())
        .map(|cause| cause.to_string().replace('\n', " "))
    {
        match said.last_mut() {
            Some(last) if cause.starts_with(last.as_str()) => *last = cause,
            Some(last) if last.contains(&cause) => {}
            _ => said.push(cause),
        }
    }
    said.join(": ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_obey_is_not_there() {
        assert_eq!(plain("a\nb\u{1d}c\u{1b}[2Jd", 20), "a b c [2Jd");
        assert_eq!(plain("ünlimited", 3), "ünl");
    }
}
