//! Text out of files, for messages.

/// The longest that a parser is quoted.
pub const QUOTE: usize = 300;

/// The first `most` characters of a text, as one line: a file may hold anything, and a terminal obeys control characters.
#[must_use]
pub fn plain(text: &str, most: usize) -> String {
    let shown = |c: char| if c.is_control() { ' ' } else { c };
    text.chars().map(shown).take(most).collect()
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
