//! Blocks of shell, taken apart into commands.

use super::super::page::{At, Block};
use super::Page;

/// One command: the words of it, without what the shell keeps for itself.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    pub(crate) words: Vec<String>,
}

/// All commands of all blocks. In a `console` block they stand after `$ `, what is printed stands between them.
pub(crate) fn in_blocks(pages: &[Page]) -> Vec<At<Line>> {
    let blocks = pages.iter().flat_map(|page| &page.blocks);
    blocks
        .flat_map(|block| {
            lines(&block.it)
                .into_iter()
                .flat_map(|(offset, text)| commands(block, offset, &text))
                .collect::<Vec<_>>()
        })
        .collect()
}

/// Lines, those that end in a backslash joined with the next.
fn lines(block: &Block) -> Vec<(usize, String)> {
    let prompt = match block.language.as_str() {
        "console" => "$ ",
        "sh" | "bash" | "" => "",
        _ => return Vec::new(),
    };
    let (mut lines, mut open) = (Vec::<(usize, String)>::new(), false);
    for (at, line) in block.text.lines().enumerate() {
        let (text, goes_on) = line.strip_suffix('\\').map_or((line, false), |text| (text, true));
        match lines.last_mut() {
            Some((_, last)) if open => last.push_str(text),
            _ => lines.extend(text.strip_prefix(prompt).map(|text| (at, text.to_owned()))),
        }
        open = goes_on;
    }
    lines
}

fn commands(block: &At<Block>, offset: usize, text: &str) -> Vec<At<Line>> {
    let words =
        apart(text).into_iter().filter_map(|command| shlex::split(&command)).map(|words| bare(&words));
    let words = words.filter(|words| !words.is_empty());
    words
        .map(|words| At { page: block.page.clone(), line: block.line + 1 + offset, it: Line { words } })
        .collect()
}

/// Where the shell would begin another command.
fn apart(text: &str) -> Vec<String> {
    let (mut commands, mut quote) = (vec![String::new()], None);
    for c in text.chars() {
        match (quote, c) {
            (Some(open), _) if open == c => quote = None,
            (None, '\'' | '"') => quote = Some(c),
            (None, ';' | '|' | '&' | '(' | ')') => {
                commands.push(String::new());
                continue;
            }
            _ => {}
        }
        commands.last_mut().unwrap().push(c);
    }
    commands
}

/// Without what stands before a command (variables, `export`, `nice`, `sudo`), and without redirections after it.
fn bare(words: &[String]) -> Vec<String> {
    let before = |word: &&String| {
        let variable = word
            .split_once('=')
            .is_some_and(|(name, _)| name.chars().all(|c| c.is_ascii_uppercase() || c == '_'));
        variable || ["export", "sudo", "nice", "time"].contains(&word.as_str())
    };
    let after = |word: &&String| !word.starts_with(['>', '<']) && !word.starts_with("2>");
    words.iter().skip_while(before).take_while(after).cloned().collect()
}

#[test]
fn a_block_is_taken_apart_as_a_shell_would() {
    let page = Page::of(
        "a.md",
        "```console\n$ A=1 make x \\\n    y > z  # why\nmake not\n$ (umask 077; kubectl a --b \"c | d\")\n```\n",
    );
    let found = in_blocks(&[page]);
    let words: Vec<_> = found.iter().map(|line| line.it.words.join(",")).collect();
    assert_eq!(words, ["make,x,y", "umask,077", "kubectl,a,--b,c | d"]);
    assert_eq!(found[2].line, 5);
}
