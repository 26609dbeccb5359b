//! A YAML file as a tree of nodes, each with its place.
//!
//! Flows in: text. Flows out: one [`Node`], or the first syntax fault. Aliases are followed and `<<` is merged, both within limits,
//! so that a small file cannot become a large tree. It knows no key.

use std::{collections::HashMap, ops::Range};

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, StrInput};

/// Nodes of one file, those behind aliases counted each time: a rule has about 20, so this is room for 20,000 rules.
const NODES_MAX: usize = 400_000;

/// Deepest nesting. Rule files have six levels.
const DEPTH_MAX: usize = 32;

/// What stands at one place.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    /// Of the text, with its quotes; of a block, without its head.
    pub(crate) bytes: Range<usize>,
    pub(crate) kind: Kind,
}

#[derive(Clone, Debug)]
pub(crate) enum Kind {
    Scalar {
        text: String,
        /// Without quotes, so that it may be nothing or a number.
        plain: bool,
        /// With quotes around it in the file.
        quoted: bool,
    },
    List(Vec<Node>),
    Map(Vec<(Node, Node)>),
}

/// Why it is not a tree.
#[derive(Debug)]
pub(crate) struct Fault {
    pub(crate) at: usize,
    pub(crate) message: String,
}

/// A parsed file.
#[derive(Debug)]
pub(crate) struct Document {
    /// None: there is nothing in it.
    pub(crate) root: Option<Node>,
    /// Where a second document begins, which nobody reads.
    pub(crate) second: Option<usize>,
}

impl Node {
    /// For "must be …, not a list".
    pub(crate) fn what(&self) -> &'static str {
        match &self.kind {
            Kind::Scalar { .. } if self.is_nothing() => "nothing",
            Kind::Scalar { .. } => "text",
            Kind::List(_) => "a list",
            Kind::Map(_) => "a mapping",
        }
    }

    /// `key:` with nothing behind it, `~` or `null`.
    pub(crate) fn is_nothing(&self) -> bool {
        matches!(&self.kind, Kind::Scalar { text, plain: true, .. } if matches!(text.as_str(), "" | "~" | "null" | "Null" | "NULL"))
    }
}

/// Parses the first document of a file.
pub(crate) fn parse(text: &str) -> Result<Document, Fault> {
    let mut builder = Builder {
        events: Parser::new_from_str(text),
        offsets: Offsets::of(text),
        text,
        anchors: HashMap::new(),
        nodes: 0,
        depth: 0,
    };
    builder.document()
}

/// Bytes by character, because the parser counts characters.
enum Offsets {
    /// They are the same.
    Ascii(usize),
    Table(Vec<usize>),
}

impl Offsets {
    fn of(text: &str) -> Self {
        if text.is_ascii() {
            return Self::Ascii(text.len());
        }
        Self::Table(text.char_indices().map(|(at, _)| at).chain([text.len()]).collect())
    }

    fn byte(&self, marker: &Marker) -> usize {
        match self {
            Self::Ascii(length) => marker.index().min(*length),
            Self::Table(table) => table.get(marker.index()).or(table.last()).copied().unwrap_or(0),
        }
    }
}

struct Builder<'t> {
    events: Parser<'t, StrInput<'t>>,
    offsets: Offsets,
    text: &'t str,
    anchors: HashMap<usize, Node>,
    nodes: usize,
    depth: usize,
}

type Step<'t> = (Event<'t>, Range<usize>);

impl<'t> Builder<'t> {
    fn document(&mut self) -> Result<Document, Fault> {
        let mut root = None;
        while let Some((event, bytes)) = self.next()? {
            match event {
                Event::DocumentStart(_) if root.is_some() => {
                    return Ok(Document {
                        root,
                        second: Some(bytes.start),
                    });
                }
                Event::StreamStart | Event::DocumentStart(_) | Event::DocumentEnd | Event::Nothing => {}
                Event::StreamEnd => break,
                event => root = Some(self.node(event, bytes)?),
            }
        }
        let root = root.filter(|root: &Node| !root.is_nothing());
        Ok(Document { root, second: None })
    }

    fn next(&mut self) -> Result<Option<Step<'t>>, Fault> {
        match self.events.next_event() {
            None => Ok(None),
            Some(Ok((event, span))) => {
                let bytes = self.offsets.byte(&span.start)..self.offsets.byte(&span.end);
                Ok(Some((event, bytes)))
            }
            Some(Err(error)) => Err(Fault {
                at: self.offsets.byte(error.marker()),
                message: error.info().to_owned(),
            }),
        }
    }

    fn node(&mut self, event: Event<'t>, bytes: Range<usize>) -> Result<Node, Fault> {
        self.count(1, bytes.start)?;
        match event {
            Event::Scalar(text, style, anchor, _) => {
                let node = Node {
                    bytes: self.trimmed(bytes),
                    kind: Kind::Scalar {
                        text: text.into_owned(),
                        plain: style == ScalarStyle::Plain,
                        quoted: matches!(style, ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted),
                    },
                };
                Ok(self.anchored(anchor, node))
            }
            Event::SequenceStart(anchor, _) => self.list(anchor, bytes),
            Event::MappingStart(anchor, _) => self.map(anchor, bytes),
            Event::Alias(anchor) => self.alias(anchor, bytes),
            _ => Err(Fault {
                at: bytes.start,
                message: "something ends here that did not begin".to_owned(),
            }),
        }
    }

    /// A block's end is where the next thing begins; only the text itself is wanted.
    fn trimmed(&self, bytes: Range<usize>) -> Range<usize> {
        let shown = self.text.get(bytes.clone()).unwrap_or_default().trim_end();
        bytes.start..bytes.start + shown.len()
    }

    fn list(&mut self, anchor: usize, bytes: Range<usize>) -> Result<Node, Fault> {
        self.deeper(bytes.start)?;
        let mut items = Vec::new();
        let mut end = bytes.end;
        while let Some((event, at)) = self.next()? {
            if matches!(event, Event::SequenceEnd) {
                end = at.end.max(end);
                break;
            }
            items.push(self.node(event, at)?);
        }
        self.depth -= 1;
        let node = Node {
            bytes: self.trimmed(bytes.start..end),
            kind: Kind::List(items),
        };
        Ok(self.anchored(anchor, node))
    }

    fn map(&mut self, anchor: usize, bytes: Range<usize>) -> Result<Node, Fault> {
        self.deeper(bytes.start)?;
        let mut entries = Vec::new();
        let mut merged = Vec::new();
        let mut end = bytes.end;
        while let Some((event, at)) = self.next()? {
            if matches!(event, Event::MappingEnd) {
                end = at.end.max(end);
                break;
            }
            let key = self.node(event, at)?;
            let Some((event, at)) = self.next()? else { break };
            let value = self.node(event, at)?;
            match &key.kind {
                Kind::Scalar { text, plain: true, .. } if text == "<<" => merged.extend(merge_sources(value)),
                _ => entries.push((key, value)),
            }
        }
        self.depth -= 1;
        for (key, value) in merged {
            if !entries.iter().any(|(own, _)| same(own, &key)) {
                entries.push((key, value));
            }
        }
        let node = Node {
            bytes: self.trimmed(bytes.start..end),
            kind: Kind::Map(entries),
        };
        Ok(self.anchored(anchor, node))
    }

    fn alias(&mut self, anchor: usize, bytes: Range<usize>) -> Result<Node, Fault> {
        let Some(node) = self.anchors.get(&anchor).cloned() else {
            return Err(Fault {
                at: bytes.start,
                message: "this alias leads to itself".to_owned(),
            });
        };
        self.count(size(&node), bytes.start)?;
        Ok(node)
    }

    fn anchored(&mut self, anchor: usize, node: Node) -> Node {
        if anchor > 0 {
            self.anchors.insert(anchor, node.clone());
        }
        node
    }

    fn count(&mut self, nodes: usize, at: usize) -> Result<(), Fault> {
        self.nodes += nodes;
        if self.nodes <= NODES_MAX {
            return Ok(());
        }
        let message = format!("more than {NODES_MAX} values; aliases count each time they are used");
        Err(Fault { at, message })
    }

    fn deeper(&mut self, at: usize) -> Result<(), Fault> {
        self.depth += 1;
        if self.depth <= DEPTH_MAX {
            return Ok(());
        }
        let message = format!("nested deeper than {DEPTH_MAX} levels");
        Err(Fault { at, message })
    }
}

/// What `<<` brings in: the entries of a mapping, or of several.
fn merge_sources(value: Node) -> Vec<(Node, Node)> {
    match value.kind {
        Kind::Map(entries) => entries,
        Kind::List(items) => items.into_iter().flat_map(merge_sources).collect(),
        Kind::Scalar { .. } => Vec::new(),
    }
}

fn same(one: &Node, other: &Node) -> bool {
    match (&one.kind, &other.kind) {
        (Kind::Scalar { text: one, .. }, Kind::Scalar { text: other, .. }) => one == other,
        _ => false,
    }
}

fn size(node: &Node) -> usize {
    1 + match &node.kind {
        Kind::Scalar { .. } => 0,
        Kind::List(items) => items.iter().map(size).sum(),
        Kind::Map(entries) => entries
            .iter()
            .map(|(key, value)| size(key) + size(value))
            .sum::<usize>(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root(text: &str) -> Node {
        parse(text).unwrap().root.unwrap()
    }

    fn scalars(node: &Node, text: &str, found: &mut Vec<(String, String)>) {
        match &node.kind {
            Kind::Scalar { text: value, .. } => found.push((value.clone(), text[node.bytes.clone()].to_owned())),
            Kind::List(items) => items.iter().for_each(|item| scalars(item, text, found)),
            Kind::Map(entries) => entries.iter().for_each(|(key, value)| {
                scalars(key, text, found);
                scalars(value, text, found);
            }),
        }
    }

    #[test]
    fn every_scalar_knows_where_it_is_written() {
        let text = "é: 'a''b'\nb:\n  - |\n    two\n    lines\n  - \"x\\n\"\nc: plain text # comment\n";
        let mut found = Vec::new();
        scalars(&root(text), text, &mut found);
        let written: Vec<&str> = found.iter().map(|(_, written)| written.as_str()).collect();
        assert_eq!(
            written,
            ["é", "'a''b'", "b", "two\n    lines", "\"x\\n\"", "c", "plain text"]
        );
        assert_eq!(found[1].0, "a'b");
        assert_eq!(found[3].0, "two\nlines\n");
    }

    #[test]
    fn aliases_and_merges_are_followed() {
        let text = "a: &x {one: 1, two: 2}\nb: {<<: *x, two: 3}\nc: *x\n";
        let mut found = Vec::new();
        scalars(&root(text), text, &mut found);
        let values: Vec<&str> = found.iter().map(|(value, _)| value.as_str()).collect();
        assert_eq!(
            values,
            [
                "a", "one", "1", "two", "2", "b", "two", "3", "one", "1", "c", "one", "1", "two", "2"
            ]
        );
    }

    #[test]
    fn bombs_and_towers_are_refused() {
        let mut bomb = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n".to_owned();
        for at in 1..9 {
            let alias = format!("*a{}", at - 1);
            bomb += &format!("a{at}: &a{at} [{}]\n", vec![alias; 10].join(","));
        }
        assert!(parse(&bomb).unwrap_err().message.contains("aliases count"));
        let tower = format!("{}{}", "[".repeat(50), "]".repeat(50));
        assert!(parse(&tower).unwrap_err().message.contains("nested deeper"));
    }

    #[test]
    fn a_second_document_is_noticed() {
        let document = parse("---\na: 1\n---\nb: 2\n").unwrap();
        assert!(document.root.is_some() && document.second == Some(9));
        assert!(parse("# nothing\n").unwrap().root.is_none());
    }
}
