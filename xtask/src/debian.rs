//! Debian packages that are unpacked and never installed, with what they need that this machine lacks.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::run::{output_of, run, status};

/// Debian's packages for one architecture.
pub(crate) enum Packages {
    /// This machine's own, as its package lists know them.
    Here,
    /// Those of another architecture. Their lists are kept in this folder, so that this machine's stay as they are.
    Of { architecture: &'static str, lists: PathBuf },
}

/// What the index says about a package: fields by name.
struct Entry(BTreeMap<String, String>);

impl Entry {
    fn field(&self, name: &str) -> &str {
        self.0.get(name).map_or("", String::as_str)
    }

    /// The first alternative of each dependency, without versions.
    fn needs(&self) -> Vec<&str> {
        let fields = [self.field("Pre-Depends"), self.field("Depends")];
        let each = fields.into_iter().flat_map(|field| field.split(','));
        each.filter_map(|need| need.split(['|', '(', ':']).next())
            .map(str::trim)
            .filter(|n| !n.is_empty())
            .collect()
    }
}

impl Packages {
    /// Packages of `architecture`, with their lists below `folder`.
    pub(crate) fn of(architecture: &'static str, folder: &Path) -> Packages {
        Packages::Of { architecture, lists: folder.join(format!("lists-{architecture}")) }
    }

    /// Unpacks `wanted` into `into`, with all they need that is not installed here, unless exactly that is there already.
    pub(crate) fn unpack_with_needs(&self, wanted: &[&str], into: &Path) -> Result<(), String> {
        self.unpack(wanted, into, true)
    }

    /// Unpacks `wanted` alone into `into`, unless exactly that is there already.
    pub(crate) fn unpack_only(&self, wanted: &[&str], into: &Path) -> Result<(), String> {
        self.unpack(wanted, into, false)
    }

    fn unpack(&self, wanted: &[&str], into: &Path, needs: bool) -> Result<(), String> {
        self.lists(wanted)?;
        let mut chosen = BTreeMap::new();
        let mut open: Vec<String> = wanted.iter().map(|&name| name.to_owned()).collect();
        let installed = if needs { installed()? } else { BTreeSet::new() };
        while let Some(name) = open.pop() {
            if chosen.contains_key(&name) {
                continue;
            }
            let entry = match self.entry(&name) {
                Ok(entry) => entry,
                // A virtual package, which something that is installed may provide.
                Err(_) if !wanted.contains(&name.as_str()) => continue,
                Err(why) => return Err(why),
            };
            if needs {
                open.extend(entry.needs().into_iter().filter(|n| !installed.contains(*n)).map(str::to_owned));
            }
            chosen.insert(name, entry.field("Version").to_owned());
        }
        let stamp = into.join("complete");
        let complete: String = chosen.iter().map(|(name, version)| format!("{name}={version}\n")).collect();
        if fs::read_to_string(&stamp).is_ok_and(|there| there == complete) {
            return Ok(());
        }
        println!(
            "    unpacking {} in {}",
            chosen.keys().cloned().collect::<Vec<_>>().join(" "),
            into.display()
        );
        let _ = fs::remove_dir_all(into);
        let downloads = into.join("packages");
        fs::create_dir_all(&downloads).map_err(|e| format!("{}: {e}", downloads.display()))?;
        let mut download = self.apt("apt-get", &["-qq", "download"]);
        download.args(chosen.keys()).current_dir(&downloads);
        status(download)?;
        for package in crate::run::entries(&downloads)? {
            run("dpkg", &["-x", &package.to_string_lossy(), &into.to_string_lossy()])?;
        }
        fs::remove_dir_all(&downloads).map_err(|e| format!("{}: {e}", downloads.display()))?;
        fs::write(&stamp, complete).map_err(|e| format!("{}: {e}", stamp.display()))
    }

    /// The package that `name` stands for: `linux-image-4kc-malta` depends on the kernel of today.
    pub(crate) fn first_need(&self, name: &str) -> Result<String, String> {
        self.lists(&[name])?;
        let entry = self.entry(name)?;
        entry
            .needs()
            .first()
            .map(|need| (*need).to_owned())
            .ok_or_else(|| format!("{name} depends on nothing"))
    }

    fn entry(&self, name: &str) -> Result<Entry, String> {
        let text =
            output_of(self.apt("apt-cache", &["show", "--no-all-versions", name]).stderr(Stdio::null()))?;
        if text.trim().is_empty() {
            return Err(format!("no Debian package is called {name}"));
        }
        Ok(fields(&text))
    }

    /// Fetches the package lists where the wanted packages are not in them.
    fn lists(&self, wanted: &[&str]) -> Result<(), String> {
        if let Packages::Of { lists, .. } = self {
            for folder in ["state/lists/partial", "cache/archives/partial"] {
                fs::create_dir_all(lists.join(folder)).map_err(|e| format!("{}: {e}", lists.display()))?;
            }
            let known = lists.join("state/status");
            fs::write(&known, "").map_err(|e| format!("{}: {e}", known.display()))?;
        }
        if wanted.iter().all(|name| self.entry(name).is_ok()) {
            return Ok(());
        }
        status(self.apt("apt-get", &["-qq", "update"]))
    }

    fn apt(&self, program: &str, args: &[&str]) -> Command {
        let mut apt = Command::new(program);
        // Downloads as root into a folder that apt's own user cannot write to.
        apt.args(["-o", "APT::Sandbox::User=root"]);
        if let Packages::Of { architecture, lists } = self {
            let folder = |name: &str| lists.join(name).display().to_string();
            for option in [
                format!("APT::Architecture={architecture}"),
                format!("APT::Architectures::={architecture}"),
                format!("Dir::State={}", folder("state")),
                format!("Dir::State::status={}", folder("state/status")),
                format!("Dir::Cache={}", folder("cache")),
            ] {
                apt.args(["-o", &option]);
            }
        }
        apt.args(args);
        apt
    }
}

/// The fields of the first paragraph. Lines that go on with a field begin with a blank, and none of those is asked for.
fn fields(text: &str) -> Entry {
    let first = text.lines().take_while(|line| !line.is_empty());
    let pairs = first.filter(|line| !line.starts_with(' ')).filter_map(|line| line.split_once(": "));
    Entry(pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
}

fn installed() -> Result<BTreeSet<String>, String> {
    let mut query = Command::new("dpkg-query");
    query.args(["-W", "-f", "${db:Status-Status} ${Package}\\n"]);
    let text = output_of(&mut query)?;
    Ok(text.lines().filter_map(|line| line.strip_prefix("installed ")).map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_alternative_of_each_dependency_is_needed() {
        let entry = fields(
            "Package: a\nVersion: 1:2-3\nDescription: b\n Depends: no\nDepends: gcc | clang, libc6 (>= 2.34), python3:any\n\nVersion: 9\n",
        );
        assert_eq!(entry.needs(), ["gcc", "libc6", "python3"]);
        assert_eq!(entry.field("Version"), "1:2-3");
    }
}
