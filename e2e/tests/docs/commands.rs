//! Commands that a reader may copy: their programs understand them.

mod shell;

use std::collections::{BTreeMap, BTreeSet};

use clap::{Command, CommandFactory};
use regex::Regex;
use spillway_e2e::chart::root;

use super::page::At;
use super::{Page, none, seen};
pub(crate) use shell::{Line, in_blocks};

/// Flags that sentences name alone, and that are of Helm or of our benchmarks, whose pages show them in commands.
const OF_OTHERS: [&str; 5] = ["cases", "no-hub", "proxies", "rounds", "set"];

/// Words in capitals that stand for something of the reader's.
const PLACEHOLDERS: [(&str, &str); 5] = [
    ("ADDRESS", "203.0.113.10"),
    ("HOST", "203.0.113.10"),
    ("PORT", "8443"),
    ("MS", "2000"),
    ("PERCENT", "5"),
];

/// A program that documents name, and its command line.
struct Program {
    names: &'static [&'static [&'static str]],
    line: Command,
}

fn programs() -> [Program; 3] {
    [
        Program {
            names: &[&["kubectl", "spillway"], &["kubectl-spillway"]],
            line: kubectl_spillway::command_line(),
        },
        Program { names: &[&["region-gateway"]], line: region_gateway::flags::Flags::command() },
        Program {
            names: &[&["spillway-controller"]],
            line: spillway_controller::options::Options::command(),
        },
    ]
}

impl Program {
    /// What follows the program's name, if that is what the words begin with.
    fn arguments<'a>(&self, words: &'a [String]) -> Option<&'a [String]> {
        self.names.iter().find_map(|name| {
            let begins =
                words.len() >= name.len() && words.iter().zip(*name).all(|(word, name)| word == name);
            begins.then(|| &words[name.len()..])
        })
    }

    /// Whether the program takes these arguments, all of them.
    fn takes(&self, arguments: &[String]) -> Result<(), String> {
        let all = std::iter::once(self.names[0].join(" ")).chain(arguments.iter().map(|word| filled(word)));
        match self.line.clone().try_get_matches_from(all) {
            Err(error) if error.use_stderr() => Err(error.to_string()),
            _ => Ok(()),
        }
    }

    /// Whether it has these subcommands and flags, whatever else it would ask for.
    fn has(&self, words: &[String]) -> Result<(), String> {
        let (mut at, mut flags, mut is_value) = (&self.line, flags_of(&self.line), false);
        for word in words {
            if std::mem::take(&mut is_value) {
                continue;
            }
            if let Some(flag) = word.strip_prefix("--") {
                let name = flag.split('=').next().unwrap_or_default();
                let takes =
                    flags.get(name).ok_or_else(|| format!("{} has no flag --{name}", at.get_name()))?;
                is_value = *takes && !flag.contains('=');
            } else if at.has_subcommands() && is_name(word) {
                for name in word.split('|') {
                    at = subcommand(&self.line, at, name)
                        .ok_or_else(|| format!("there is no subcommand {name}"))?;
                    flags.extend(flags_of(at));
                }
            }
        }
        Ok(())
    }
}

fn is_name(word: &str) -> bool {
    word.chars().all(|c| c.is_ascii_lowercase() || c == '-' || c == '|')
}

/// `drain|pin` names two beside each other.
fn subcommand<'a>(whole: &'a Command, at: &'a Command, name: &str) -> Option<&'a Command> {
    at.find_subcommand(name).or_else(|| whole.find_subcommand(name))
}

/// The flags of a command, and whether a value follows each.
fn flags_of(command: &Command) -> BTreeMap<&str, bool> {
    let flags =
        command.get_arguments().filter_map(|arg| Some((arg.get_long()?, arg.get_action().takes_values())));
    flags.chain([("help", false), ("version", false)]).collect()
}

fn all_flags(command: &Command) -> BTreeSet<&str> {
    flags_of(command).into_keys().chain(command.get_subcommands().flat_map(all_flags)).collect()
}

/// With something in the place of what the reader puts there.
pub(crate) fn filled(word: &str) -> String {
    let capitals = Regex::new(r"\b[A-Z]{2,}\b").unwrap();
    let known = |name: &str| {
        PLACEHOLDERS.iter().find(|(place, _)| *place == name).map(|(_, with)| (*with).to_owned())
    };
    let word = word.trim_start_matches('$');
    capitals
        .replace_all(word, |found: &regex::Captures<'_>| {
            known(&found[0]).unwrap_or_else(|| found[0].to_lowercase())
        })
        .into_owned()
}

fn is_shortened(words: &[String]) -> bool {
    words.iter().any(|word| word.contains('…') || word.contains("..."))
}

#[test]
fn every_command_in_a_block_is_taken() {
    let (programs, mut complaints, mut count) = (programs(), Vec::new(), 0);
    for line in in_blocks(&Page::all()) {
        for program in &programs {
            let Some(arguments) = program.arguments(&line.it.words) else { continue };
            count += 1;
            let short: Vec<_> =
                arguments.iter().filter(|word| !is_shortened(std::slice::from_ref(word))).cloned().collect();
            let taken = if is_shortened(arguments) { program.has(&short) } else { program.takes(arguments) };
            complaints
                .extend(taken.err().map(|error| format!("{line}: {}: {error}", line.it.words.join(" "))));
        }
    }
    none(&complaints);
    seen("commands of ours in blocks", count, 20);
}

#[test]
fn every_command_in_a_sentence_is_there() {
    let (programs, mut complaints, mut count) = (programs(), Vec::new(), 0);
    for page in Page::all() {
        for span in &page.spans {
            let words: Vec<String> = span.it.split_whitespace().map(str::to_owned).collect();
            for program in &programs {
                let Some(rest) = program.arguments(&words) else { continue };
                count += 1;
                let rest: Vec<_> =
                    rest.iter().filter(|word| !is_shortened(std::slice::from_ref(word))).cloned().collect();
                complaints
                    .extend(program.has(&rest).err().map(|error| format!("{span}: {}: {error}", span.it)));
            }
        }
    }
    none(&complaints);
    seen("commands of ours in sentences", count, 20);
}

#[test]
fn every_flag_that_stands_alone_is_there() {
    let programs = programs();
    let known: BTreeSet<&str> =
        programs.iter().flat_map(|program| all_flags(&program.line)).chain(OF_OTHERS).collect();
    let (mut complaints, mut count) = (Vec::new(), 0);
    for span in Page::all().iter().flat_map(|page| &page.spans) {
        let Some(flag) = span.it.strip_prefix("--").and_then(|rest| rest.split([' ', '=']).next()) else {
            continue;
        };
        count += 1;
        if !known.contains(flag) {
            complaints.push(format!("{span}: no program of ours has --{flag}"));
        }
    }
    none(&complaints);
    seen("flags in sentences", count, 40);
}

#[test]
fn every_make_target_is_there() {
    let makefile = std::fs::read_to_string(root().join("Makefile")).unwrap();
    let build = std::fs::read_to_string(root().join("image/build.sh")).unwrap();
    let pages = Page::all();
    let spans = pages.iter().flat_map(|page| &page.spans).map(|span| {
        let words = span.it.split_whitespace().map(str::to_owned).collect();
        At { page: span.page.clone(), line: span.line, it: Line { words } }
    });
    let (mut complaints, mut count) = (Vec::new(), 0);
    for line in in_blocks(&pages).into_iter().chain(spans) {
        let Some(("make", rest)) = line.it.words.split_first().map(|(first, rest)| (first.as_str(), rest))
        else {
            continue;
        };
        count += 1;
        for word in rest.iter().filter(|word| !is_shortened(std::slice::from_ref(word))) {
            let known = match word.split_once('=') {
                Some((variable, _)) => [&makefile, &build].iter().any(|text| text.contains(variable)),
                None => makefile.lines().any(|line| line.starts_with(&format!("{word}:"))),
            };
            if !known {
                complaints.push(format!("{line}: make knows no {word}"));
            }
        }
    }
    none(&complaints);
    seen("commands of make", count, 25);
}

#[test]
fn what_is_wrong_is_found() {
    let [cli, gateway, _] = programs();
    let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    assert!(cli.takes(&words("unjoin sz-1 --member-context NAME")).is_ok());
    assert!(cli.takes(&words("unjoin sz-1 --member-ctx sz")).unwrap_err().contains("--member-ctx"));
    assert!(cli.has(&words("drain|pin REGION --for 30m")).is_ok());
    assert!(cli.has(&words("drain|pim REGION")).unwrap_err().contains("pim"));
    assert!(gateway.has(&words("--region r --no-such")).unwrap_err().contains("no-such"));
}
