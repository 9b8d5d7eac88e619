//! The fence between files: those of a crate import each other in one direction.
//!
//! A file that can be read after the files it imports needs no other to be understood. What two files share
//! belongs into a third.

use std::collections::{BTreeMap, BTreeSet};

use super::file::{Finding, TextFile};

/// Crates whose files may import each other in a circle.
const KNOTS: [&str; 1] = [
    // A scalar type has entry points that are compiled once, these take the operations, and the operations
    // are generic over the scalar types: a closed set of two types, which no file can name alone.
    "crates/cfe-kernel/src/",
];

/// Re-exports that are followed, one after the other, to the file that defines a name.
const MOST_STEPS: usize = 8;

/// The place of a file in its crate: `a::b` for `src/a/b.rs` and `src/a/b/mod.rs`, nothing for the root.
type Place = Vec<String>;

/// What a file says of others.
#[derive(Default)]
struct Module<'a> {
    file: Option<&'a TextFile>,
    /// Names that it takes in, with their paths.
    imports: BTreeMap<String, Place>,
    /// Names that it hands on to others, with their paths.
    exports: BTreeMap<String, Place>,
    /// Paths that it writes out.
    paths: Vec<Place>,
    /// Modules that it declares.
    declared: BTreeSet<String>,
}

/// Files that import each other in a circle.
pub(super) fn circles(files: &[TextFile]) -> Vec<Finding> {
    let mut crates: BTreeMap<&str, BTreeMap<Place, Module<'_>>> = BTreeMap::new();
    for file in files.iter().filter(|file| file.is_rust()) {
        let Some(at) = file.path.find("src/").map(|at| at + "src/".len()) else { continue };
        let (root, inside) = file.path.split_at(at);
        if !KNOTS.contains(&root) {
            crates.entry(root).or_default().insert(place_of(inside), Module::new(file));
        }
    }
    crates.values().flat_map(circles_of).collect()
}

fn place_of(inside: &str) -> Place {
    let mut place: Place = inside.trim_end_matches(".rs").split('/').map(str::to_owned).collect();
    let is_root = |name: &str| ["lib", "main"].contains(&name);
    if place.last().is_some_and(|last| last == "mod") || place.len() == 1 && is_root(&place[0]) {
        place.pop();
    }
    place
}

/// The circles among the files of one crate.
fn circles_of(modules: &BTreeMap<Place, Module<'_>>) -> Vec<Finding> {
    let mut arrows: BTreeMap<&Place, BTreeSet<&Place>> = BTreeMap::new();
    for (place, module) in modules {
        let targets = module.paths.iter().chain(module.imports.values());
        let targets = targets.filter_map(|path| target(modules, place, path, 0));
        arrows.insert(place, targets.filter(|target| *target != place).collect());
    }
    // A file that imports none of the others, or that none of them imports, is in no circle. When all such
    // files are taken off, circles are left, and what stands between two of them.
    loop {
        let left: BTreeSet<&Place> = arrows.keys().copied().collect();
        let imported: BTreeSet<&Place> = arrows.values().flatten().copied().collect();
        arrows.values_mut().for_each(|targets| targets.retain(|target| left.contains(target)));
        arrows.retain(|place, targets| imported.contains(place) && !targets.is_empty());
        if arrows.len() == left.len() {
            break;
        }
    }
    let path_of = |place: &Place| modules[place].file.map_or("", |file| file.path.as_str());
    let finding = |(place, targets): (&&Place, &BTreeSet<&Place>)| {
        let targets: Vec<&str> = targets.iter().map(|target| path_of(target)).collect();
        let what = format!(
            "this file and {} import each other in a circle; move what they share into a file of its own",
            targets.join(", ")
        );
        modules[*place].file.map(|file| Finding::new(file, 0, what))
    };
    arrows.iter().filter_map(finding).collect()
}

/// The file that defines what a path names, as far as it is a file of the crate. A path that names a whole
/// module imports nothing yet.
fn target<'a>(
    modules: &'a BTreeMap<Place, Module<'_>>,
    from: &Place,
    path: &[String],
    steps: usize,
) -> Option<&'a Place> {
    let path = absolute(modules, from, path)?;
    let depth = (0..=path.len()).rev().find(|&depth| modules.contains_key(&path[..depth]))?;
    let (place, module) = modules.get_key_value(&path[..depth])?;
    let name = path.get(depth)?;
    match module.exports.get(name) {
        Some(export) if steps < MOST_STEPS => {
            let further: Place = export.iter().chain(&path[depth + 1..]).cloned().collect();
            target(modules, place, &further, steps + 1)
        }
        // A module that lies at another path is not looked into.
        _ if module.declared.contains(name) => None,
        _ => Some(place),
    }
}

/// A path from the root of the crate; `None` for one into another crate.
fn absolute(modules: &BTreeMap<Place, Module<'_>>, from: &Place, path: &[String]) -> Option<Place> {
    let (first, rest) = path.split_first()?;
    let inside = |start: &[String], rest: &[String]| Some([start, rest].concat());
    match first.as_str() {
        "crate" => inside(&[], rest),
        "self" => inside(from, rest),
        "super" => {
            let ups = path.iter().take_while(|part| *part == "super").count();
            inside(&from[..from.len().checked_sub(ups)?], &path[ups..])
        }
        _ => {
            let child = [from.as_slice(), &path[..1]].concat();
            if modules.contains_key(&child) {
                return inside(&child, rest);
            }
            // Its first part is a module that was imported.
            let import =
                modules.get(from)?.imports.get(first).filter(|import| import.first() != Some(first))?;
            absolute(modules, from, &[import.as_slice(), rest].concat())
        }
    }
}

impl<'a> Module<'a> {
    fn new(file: &'a TextFile) -> Self {
        let lines = file.text.lines().map(|line| line.find("//").map_or(line, |at| &line[..at]));
        let code = lines.collect::<Vec<&str>>().join("\n");
        // Tests may import whatever they need.
        let mut code = code.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
        let mut module = Self { file: Some(file), ..Self::default() };
        while let Some((before, is_public, tree, after)) = first_use(code) {
            module.read(before);
            let names = if is_public { &mut module.exports } else { &mut module.imports };
            names.extend(branches("", tree).iter().map(|branch| named(branch)));
            code = after;
        }
        module.read(code);
        module
    }

    /// Keeps the paths and the declared modules of code without `use`.
    fn read(&mut self, code: &str) {
        let words =
            code.split(|c: char| !c.is_alphanumeric() && !"_:".contains(c)).filter(|word| !word.is_empty());
        let mut before = "";
        for word in words {
            if before == "mod" {
                self.declared.insert(word.to_owned());
            }
            if word.contains("::") {
                self.paths.push(parts(word));
            }
            before = word;
        }
    }
}

/// The first `use` of some code: what stands before it, whether it is public, its tree, and what follows.
fn first_use(code: &str) -> Option<(&str, bool, &str, &str)> {
    code.match_indices("use ").find_map(|(at, word)| {
        let line = code[..at].rfind('\n').map_or(0, |end| end + 1);
        let visibility = code[line..at].trim();
        if !(visibility.is_empty() || visibility == "pub" || visibility.starts_with("pub(")) {
            return None;
        }
        let (tree, after) = code[at + word.len()..].split_once(';')?;
        Some((&code[..line], !visibility.is_empty(), tree, after))
    })
}

/// The paths of a tree such as `a::{b, c::{d, e}}`.
fn branches(prefix: &str, tree: &str) -> Vec<String> {
    let Some((head, inner)) = tree.split_once('{') else { return vec![format!("{prefix}{}", tree.trim())] };
    let inner = inner.rfind('}').map_or(inner, |end| &inner[..end]);
    let prefix = format!("{prefix}{}", head.trim());
    let mut depth = 0;
    let list = inner.split(|c| {
        depth += i32::from(c == '{') - i32::from(c == '}');
        c == ',' && depth == 0
    });
    list.filter(|part| !part.trim().is_empty()).flat_map(|part| branches(&prefix, part)).collect()
}

/// A path of a tree with the name that it has in the file.
fn named(branch: &str) -> (String, Place) {
    let (path, alias) =
        branch.split_once(" as ").map_or((branch, None), |(path, alias)| (path, Some(alias.trim())));
    let path = parts(path.trim());
    let name = alias.or_else(|| path.last().map(String::as_str)).unwrap_or_default().to_owned();
    (name, path)
}

fn parts(path: &str) -> Place {
    path.split("::").filter(|part| !part.is_empty()).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::super::tests::file;
    use super::*;

    #[test]
    fn two_files_that_import_each_other_are_found() {
        let files = [
            file("crates/cfe-x/src/lib.rs", "mod a;\nmod b;\npub use b::Deep as Shown;\n"),
            file(
                "crates/cfe-x/src/a.rs",
                "use crate::{Shown, b::{self}};\nuse std::fmt;\npub fn f(_: Shown) {}\n",
            ),
            file("crates/cfe-x/src/b/mod.rs", "mod c;\npub(crate) use c::Deep;\n"),
            file("crates/cfe-x/src/b/c.rs", "pub struct Deep;\nfn g() {\n    super::super::a::f(Deep);\n}\n"),
        ];
        let found = circles(&files);
        let paths: Vec<&str> = found.iter().map(|finding| finding.path.as_str()).collect();
        assert_eq!(paths, ["crates/cfe-x/src/a.rs", "crates/cfe-x/src/b/c.rs"]);
        assert!(
            found[0].what.starts_with("this file and crates/cfe-x/src/b/c.rs import each other"),
            "{}",
            found[0].what
        );
    }

    #[test]
    fn one_direction_comments_and_tests_are_not_found() {
        let tests = "\n#[cfg(test)]\nmod tests {\n    use crate::a::f;\n}\n";
        let files = [
            file("crates/cfe-x/src/a.rs", "use super::b::Deep;\npub fn f(_: Deep) {}\n"),
            file("crates/cfe-x/src/b.rs", &format!("// crate::a::f comes later.\npub struct Deep;{tests}")),
        ];
        assert!(circles(&files).is_empty());
    }
}
