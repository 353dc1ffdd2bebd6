//! What has to be true before a release, checked and printed step by step. Nothing is published: the commands that do it are printed at the end.

use crate::crates;
use crate::dist;
use crate::run::{command, metadata, output, root, target};

/// A step: what is checked, and how. Its result says what was found.
type Step = (&'static str, fn() -> Result<String, String>);

const STEPS: &[Step] = &[
    ("the tree has no changes", clean),
    ("every package has the same version", version),
    ("the version is newer than the last tag", newer),
    ("the changelog has what is new", changelog),
    ("packages have what crates.io shows", described),
    ("packages can be made", packaged),
    ("archives and lists of crates are there", archives),
    ("their checksums hold", checksums),
];

/// Checks every step, also after one that fails.
pub(crate) fn dry_run() -> Result<(), String> {
    let mut failed = 0;
    for (index, (what, check)) in STEPS.iter().enumerate() {
        match check() {
            Ok(found) => println!("{} of {}: {what}: {found}", index + 1, STEPS.len()),
            Err(why) => {
                println!("{} of {}: {what}: NOT YET: {why}", index + 1, STEPS.len());
                failed += 1;
            }
        }
    }
    if failed > 0 {
        return Err(format!("{failed} of {} steps are not done", STEPS.len()));
    }
    let version = dist::version()?;
    println!("to release, in this order:");
    println!("  CHANGELOG.md: `## Unreleased` becomes `## [{version}] - {}`; commit", today()?);
    println!("  git tag -s v{version}");
    println!("  cargo xtask dist --twice");
    println!("  cargo publish --workspace {}", crates::UNPUBLISHED.join(" "));
    println!("  git push --tags, and the files of {} with it", target("dist")?.display());
    Ok(())
}

fn clean() -> Result<String, String> {
    let changed = output("git", &["status", "--porcelain"])?;
    match changed.lines().count() {
        0 => Ok(output("git", &["rev-parse", "--short", "HEAD"])?.trim().to_owned()),
        n => Err(format!("{n} files differ from the last commit")),
    }
}

fn version() -> Result<String, String> {
    let version = dist::version()?;
    let packages = metadata()?["packages"].as_array().into_iter().flatten();
    match packages
        .filter(|p| p["version"] != version.as_str())
        .map(|p| p["name"].to_string())
        .collect::<Vec<_>>()
    {
        others if others.is_empty() => Ok(version),
        others => Err(format!("{} have another one than {version}", others.join(", "))),
    }
}

/// Numbers of a version, which compare as versions do.
fn numbers(version: &str) -> Option<[u64; 3]> {
    let numbers: Option<Vec<u64>> = version.split('.').map(|number| number.parse().ok()).collect();
    numbers?.try_into().ok()
}

fn newer() -> Result<String, String> {
    let version = dist::version()?;
    let tags = output("git", &["tag", "--list", "v*"])?;
    let last = tags.lines().filter_map(|tag| numbers(tag.strip_prefix('v')?)).max();
    let ours = numbers(&version).ok_or_else(|| format!("{version} is not three numbers"))?;
    match last {
        None => Ok(format!("v{version} is the first")),
        Some(last) if ours > last => {
            Ok(format!("v{version} after v{}", last.map(|n| n.to_string()).join(".")))
        }
        Some(last) => Err(format!("v{} is tagged already", last.map(|n| n.to_string()).join("."))),
    }
}

fn changelog() -> Result<String, String> {
    let text =
        std::fs::read_to_string(root().join("CHANGELOG.md")).map_err(|e| format!("CHANGELOG.md: {e}"))?;
    news(&text)
}

/// The entries below `Unreleased`; every other version must have its day.
fn news(text: &str) -> Result<String, String> {
    let mut sections = text.split("\n## ").skip(1);
    let new = sections.next().filter(|section| section.trim_start_matches('[').starts_with("Unreleased"));
    let new = new.ok_or("CHANGELOG.md does not begin with `## Unreleased`")?;
    for released in sections {
        let title = released.lines().next().unwrap_or_default();
        let dated = title.split_once("] - ").is_some_and(|(version, day)| {
            version.starts_with('[')
                && day.len() == 10
                && day.split('-').all(|part| part.parse::<u32>().is_ok())
        });
        if !dated {
            return Err(format!("`## {title}` is not `## [VERSION] - YYYY-MM-DD`"));
        }
    }
    match new.lines().filter(|line| line.starts_with("- ")).count() {
        0 => Err("nothing stands below `## Unreleased`".to_owned()),
        entries => Ok(format!("{entries} entries")),
    }
}

fn described() -> Result<String, String> {
    let packages = metadata()?["packages"].as_array().into_iter().flatten();
    let (mut published, mut missing) = (0, Vec::new());
    // An empty list is "publish = false".
    for package in packages.filter(|p| p["publish"].as_array().is_none_or(|list| !list.is_empty())) {
        published += 1;
        for key in ["description", "license", "readme", "repository", "keywords", "categories"] {
            let empty = package[key].is_null() || package[key].as_array().is_some_and(Vec::is_empty);
            if empty {
                missing.push(format!("{}: {key}", package["name"].as_str().unwrap_or_default()));
            }
        }
    }
    if missing.is_empty() { Ok(format!("{published} packages")) } else { Err(missing.join(", ")) }
}

fn packaged() -> Result<String, String> {
    crates::pack_only()?;
    Ok("the tier `crates` installs the program from them".to_owned())
}

fn archives() -> Result<String, String> {
    let (folder, wanted) = (target("dist")?, dist::names()?);
    let files = |name: &String| [format!("{name}.tar.gz"), format!("{name}.cdx.json")];
    let missing: Vec<String> =
        wanted.iter().flat_map(files).filter(|file| !folder.join(file).exists()).collect();
    if missing.is_empty() {
        return Ok(format!("{} of each", wanted.len()));
    }
    Err(format!("`cargo xtask dist` makes {}", missing.join(", ")))
}

fn checksums() -> Result<String, String> {
    let folder = target("dist")?;
    let list = folder.join("SHA256SUMS");
    let lines =
        std::fs::read_to_string(&list).map_err(|e| format!("{}: {e}", list.display()))?.lines().count();
    let mut check = command("sha256sum", &["--check", "--strict", "--quiet", "SHA256SUMS"]);
    match check.current_dir(&folder).status() {
        Ok(status) if status.success() => Ok(format!("{lines} files")),
        Ok(_) => Err("some files differ; `cargo xtask dist` makes them again".to_owned()),
        Err(e) => Err(format!("sha256sum: {e}")),
    }
}

fn today() -> Result<String, String> {
    Ok(output("date", &["--utc", "+%Y-%m-%d"])?.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changelog_has_news_and_dated_versions() {
        let good = "# Changelog\n\n## Unreleased\n\n- a\n- b\n\n## [0.1.0] - 2026-11-01\n\n- c\n";
        assert_eq!(news(good).as_deref(), Ok("2 entries"));
        assert!(news("# Changelog\n\n## Unreleased\n\n## [0.1.0] - 2026-11-01\n").is_err());
        assert!(news("# Changelog\n\n## Unreleased\n- a\n\n## 0.1.0\n").is_err());
        assert!(news("# Changelog\n").is_err());
    }

    #[test]
    fn versions_compare_by_number() {
        assert!(numbers("0.10.0") > numbers("0.9.9") && numbers("1.0").is_none());
    }
}
