//! The files of one configuration as text, and places in them.
//!
//! Owns what was read; turns byte spans into lines and columns; hides what nobody may see. It parses nothing.

use std::{fmt, ops::Range, path::PathBuf};

use super::problem::Location;

/// Characters of a source line shown at most; what is longer is cut around the marked part.
const LINE_SHOWN_MAX: usize = 120;

/// Which file of a [`Sources`]; the main file is the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct FileId(u32);

impl FileId {
    pub(super) const MAIN: Self = Self(0);
}

/// Bytes `start..end` of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Span {
    pub(super) file: FileId,
    pub(super) start: u32,
    pub(super) end: u32,
}

impl Span {
    pub(super) fn new(file: FileId, bytes: &Range<usize>) -> Self {
        // Files are far smaller than 4 GiB (FILE_BYTES_MAX).
        let narrow = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        Self {
            file,
            start: narrow(bytes.start),
            end: narrow(bytes.end),
        }
    }

    pub(super) fn bytes(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }
}

/// A value and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct At<T> {
    pub(super) value: T,
    pub(super) span: Span,
}

#[derive(Clone)]
pub(super) struct SourceFile {
    /// As opened.
    pub(super) path: PathBuf,
    pub(super) text: String,
    line_starts: Vec<usize>,
    hidden: Vec<Range<usize>>,
}

/// Without the text: tokens may stand in it.
impl fmt::Debug for SourceFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SourceFile({}, {} bytes)", self.path.display(), self.text.len())
    }
}

/// Every file that was read.
#[derive(Clone, Debug, Default)]
pub(super) struct Sources(Vec<SourceFile>);

impl Sources {
    pub(super) fn add(&mut self, path: PathBuf, text: String) -> FileId {
        let line_starts = std::iter::once(0)
            .chain(text.match_indices('\n').map(|(at, _)| at + 1))
            .collect();
        self.0.push(SourceFile {
            path,
            text,
            line_starts,
            hidden: Vec::new(),
        });
        FileId(u32::try_from(self.0.len() - 1).unwrap_or(u32::MAX))
    }

    pub(super) fn file(&self, id: FileId) -> &SourceFile {
        &self.0[id.0 as usize]
    }

    pub(super) fn paths(&self) -> impl Iterator<Item = &PathBuf> {
        self.0.iter().map(|file| &file.path)
    }

    pub(super) fn ids(&self) -> impl Iterator<Item = FileId> {
        (0..self.0.len()).map(|at| FileId(u32::try_from(at).unwrap_or(u32::MAX)))
    }

    /// Never shows these bytes: they are, or may be, a secret somebody wrote into the file.
    pub(super) fn hide(&mut self, span: Span) {
        self.0[span.file.0 as usize].hidden.push(span.bytes());
    }

    /// The text of a span.
    pub(super) fn slice(&self, span: Span) -> &str {
        self.file(span.file).text.get(span.bytes()).unwrap_or("")
    }

    /// Line number, from 1.
    pub(super) fn line(&self, span: Span) -> usize {
        self.file(span.file).line_at(span.start as usize)
    }

    /// `checks.d/web.toml:12`.
    pub(super) fn file_and_line(&self, span: Span) -> String {
        format!("{}:{}", self.file(span.file).path.display(), self.line(span))
    }

    pub(super) fn locate(&self, span: Span) -> Location {
        self.file(span.file).locate(&span.bytes())
    }
}

impl SourceFile {
    fn line_at(&self, byte: usize) -> usize {
        self.line_starts.partition_point(|start| *start <= byte)
    }

    /// Bytes of line `line` (from 1), without its end.
    pub(super) fn line_bytes(&self, line: usize) -> Range<usize> {
        let start = self.line_starts[line - 1];
        let end = self.line_starts.get(line).map_or(self.text.len(), |next| next - 1);
        let end = if self.text[start..end].ends_with('\r') {
            end - 1
        } else {
            end
        };
        start..end
    }

    fn locate(&self, bytes: &Range<usize>) -> Location {
        let start = self.text.floor_char_boundary(bytes.start.min(self.text.len()));
        let line = self.line_at(start);
        let whole = self.line_bytes(line);
        let start = start.min(whole.end);
        let end = self.text.ceil_char_boundary(bytes.end.clamp(start, whole.end));
        let before = self.text[whole.start..start].chars().count();
        let width = self.text[start..end].chars().count().max(1);
        let (source_line, caret, width) = shorten(&self.shown(&whole), before, width);
        Location {
            file: self.path.display().to_string(),
            line,
            column: before + 1,
            source_line: Some(source_line),
            caret,
            width,
        }
    }

    /// A line with hidden bytes starred, character for character, so that columns stay true.
    fn shown(&self, line: &Range<usize>) -> Vec<char> {
        let hidden = |at: usize| self.hidden.iter().any(|range| range.contains(&at));
        self.text[line.clone()]
            .char_indices()
            .map(|(at, character)| match character {
                _ if hidden(line.start + at) => '*',
                // A terminal must not obey what stands in a file.
                '\t' => '\t',
                control if control.is_control() => '·',
                other => other,
            })
            .collect()
    }
}

fn shorten(line: &[char], caret: usize, width: usize) -> (String, usize, usize) {
    if line.len() <= LINE_SHOWN_MAX {
        return (line.iter().collect(), caret, width);
    }
    let first = caret.saturating_sub(LINE_SHOWN_MAX / 3);
    let last = (first + LINE_SHOWN_MAX).min(line.len());
    let width = width.min(last.saturating_sub(caret)).max(1);
    let mut shown: String = line[first..last].iter().collect();
    let mut caret = caret - first;
    if first > 0 {
        shown.insert(0, '…');
        caret += 1;
    }
    if last < line.len() {
        shown.push('…');
    }
    (shown, caret, width)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn located(text: &str, bytes: Range<usize>) -> Location {
        let mut sources = Sources::default();
        let file = sources.add("f.toml".into(), text.into());
        sources.locate(Span::new(file, &bytes))
    }

    #[test]
    fn columns_count_characters() {
        let location = located("a = 1\r\né = \"ü\"\r\n", 12..16);
        assert_eq!((location.line, location.column, location.width), (2, 5, 3));
        assert_eq!(location.source_line.as_deref(), Some("é = \"ü\""));
    }

    #[test]
    fn any_span_has_a_place() {
        for text in ["", "\n", "é", "a\r\n", "\u{feff}x"] {
            for start in 0..8 {
                for end in 0..8 {
                    let location = located(text, start..end);
                    assert!(location.line >= 1 && location.column >= 1);
                }
            }
        }
    }

    #[test]
    fn long_lines_are_cut_around_the_caret() {
        let text = format!("{}HERE{}", "x".repeat(5_000), "y".repeat(5_000));
        let location = located(&text, 5_000..5_004);
        let line: Vec<char> = location.source_line.unwrap().chars().collect();
        assert!(line.len() <= LINE_SHOWN_MAX + 2);
        let marked: String = line[location.caret..location.caret + location.width].iter().collect();
        assert_eq!(marked, "HERE");
    }

    #[test]
    fn hidden_bytes_are_starred_and_columns_stay() {
        let mut sources = Sources::default();
        let text = "read = \"hunter2hunter2\" # x";
        let file = sources.add("f.toml".into(), text.into());
        sources.hide(Span::new(file, &(8..22)));
        let location = sources.locate(Span::new(file, &(24..27)));
        assert_eq!(location.source_line.as_deref(), Some("read = \"**************\" # x"));
        assert_eq!(location.column, 25);
    }
}
