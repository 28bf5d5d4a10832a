//! A page as it is written: its headings, links, blocks of code, and words of code in sentences.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};

use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag, TagEnd};
use spillway_e2e::chart::root;

/// Something on a page, with where it stands.
#[derive(Clone, Debug)]
pub(crate) struct At<T> {
    pub(crate) page: String,
    pub(crate) line: usize,
    pub(crate) it: T,
}

impl<T> fmt::Display for At<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}", self.page, self.line)
    }
}

/// A block of code.
#[derive(Clone, Debug, Default)]
pub(crate) struct Block {
    pub(crate) language: String,
    pub(crate) text: String,
}

/// One page.
#[derive(Debug, Default)]
pub(crate) struct Page {
    /// From the root of the repository.
    pub(crate) path: String,
    pub(crate) anchors: BTreeSet<String>,
    /// Headings, with the words of code in them.
    pub(crate) headings: Vec<At<Vec<String>>>,
    pub(crate) links: Vec<At<String>>,
    pub(crate) blocks: Vec<At<Block>>,
    /// Words of code in sentences.
    pub(crate) spans: Vec<At<String>>,
}

impl Page {
    /// All pages of the repository.
    pub(crate) fn all() -> Vec<Self> {
        let mut paths = Vec::new();
        collect(&root(), &mut paths);
        paths.sort();
        paths.iter().map(|path| Self::read(path)).collect()
    }

    fn read(path: &Path) -> Self {
        let text = std::fs::read_to_string(path).unwrap();
        Self::of(path.strip_prefix(root()).unwrap().to_str().unwrap(), &text)
    }

    /// A page that says this.
    pub(crate) fn of(path: &str, text: &str) -> Self {
        let mut reader =
            Reader { page: Self { path: path.to_owned(), ..Self::default() }, ..Reader::default() };
        for (event, range) in Parser::new_ext(text, Options::ENABLE_TABLES).into_offset_iter() {
            let line = text[..range.start].matches('\n').count() + 1;
            reader.take(event, line);
        }
        reader.page
    }
}

#[derive(Default)]
struct Reader {
    page: Page,
    heading: Option<(String, Vec<String>)>,
    block: Option<At<Block>>,
    slugs: BTreeMap<String, usize>,
}

impl Reader {
    fn take(&mut self, event: Event<'_>, line: usize) {
        match event {
            Event::Start(Tag::Heading { .. }) => self.heading = Some((String::new(), Vec::new())),
            Event::End(TagEnd::Heading(_)) => self.end_heading(line),
            Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                let found = self.at(line, dest_url.into_string());
                self.page.links.push(found);
            }
            Event::Start(Tag::CodeBlock(kind)) => {
                let language = match kind {
                    CodeBlockKind::Fenced(info) => info.into_string(),
                    CodeBlockKind::Indented => String::new(),
                };
                self.block = Some(self.at(line, Block { language, text: String::new() }));
            }
            Event::End(TagEnd::CodeBlock) => self.page.blocks.extend(self.block.take()),
            Event::Text(text) => self.text(&text),
            Event::Code(code) => {
                if let Some((text, codes)) = &mut self.heading {
                    text.push_str(&code);
                    codes.push(code.to_string());
                }
                let span = self.at(line, code.into_string());
                self.page.spans.push(span);
            }
            _ => {}
        }
    }

    fn text(&mut self, text: &str) {
        if let Some(block) = &mut self.block {
            block.it.text.push_str(text);
        } else if let Some((heading, _)) = &mut self.heading {
            heading.push_str(text);
        }
    }

    fn end_heading(&mut self, line: usize) {
        let Some((text, codes)) = self.heading.take() else { return };
        let slug = slug(&text);
        let before = self.slugs.entry(slug.clone()).and_modify(|count| *count += 1).or_insert(0);
        self.page.anchors.insert(if *before == 0 { slug } else { format!("{slug}-{before}") });
        let heading = self.at(line, codes);
        self.page.headings.push(heading);
    }

    fn at<T>(&self, line: usize, it: T) -> At<T> {
        At { page: self.page.path.clone(), line, it }
    }
}

/// The anchor that GitHub gives a heading.
fn slug(heading: &str) -> String {
    let kept = |c: &char| c.is_alphanumeric() || ['-', '_', ' '].contains(c);
    heading.trim().to_lowercase().chars().filter(kept).map(|c| if c == ' ' { '-' } else { c }).collect()
}

/// Everything that is written by hand: no builds, no caches, no `.git`.
fn collect(folder: &Path, pages: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() && !name.starts_with('.') && name != "target" {
            collect(&path, pages);
        } else if path.extension().is_some_and(|extension| extension == "md") {
            pages.push(path);
        }
    }
}

#[test]
fn a_page_is_read_as_github_shows_it() {
    let page = Page::of("a.md", "# On `kind`, by itself\n\n# X\n# X\n[b](c.md#d) `code`\n```sh\nmake\n```\n");
    assert!(
        ["on-kind-by-itself", "x", "x-1"].iter().all(|anchor| page.anchors.contains(*anchor)),
        "{page:?}"
    );
    assert_eq!((page.links[0].it.as_str(), page.links[0].line), ("c.md#d", 5));
    assert_eq!((page.blocks[0].it.language.as_str(), page.blocks[0].it.text.as_str()), ("sh", "make\n"));
    assert_eq!(page.headings[0].it, ["kind"]);
}
