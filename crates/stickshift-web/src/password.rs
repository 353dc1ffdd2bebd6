//! The file with the hashes of the passwords: one line per role, the role's name and a PHC string of argon2id.

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use stickshift::error::{Error, ErrorKind, Result, Verdict};

use crate::access::Role;

/// The passwords that open the server, as hashes.
#[derive(Clone, Default)]
pub struct Passwords(Vec<(Role, String)>);

impl Passwords {
    /// Reads the file's text.
    ///
    /// # Errors
    /// `FileCorrupt`.
    pub fn parse(text: &str) -> Result<Passwords> {
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        let read = lines.map(|line| {
            let (role, hash) = line.split_once(' ')?;
            let role = Role::of_word(role)?;
            PasswordHash::new(hash).ok().filter(|hash| hash.algorithm.as_str() == "argon2id")?;
            Some((role, hash.to_owned()))
        });
        read.collect::<Option<Vec<_>>>().map(Passwords).ok_or_else(|| {
            let what = "the file of passwords has a line that is none of `serve passwd`";
            Error::new(ErrorKind::FileCorrupt, what).with_verdict(Verdict::Untouched)
        })
    }

    /// The file's text.
    pub fn text(&self) -> String {
        self.0.iter().map(|(role, hash)| format!("{} {hash}\n", role.word())).collect()
    }

    /// Sets the password of the owner, or of those who only read.
    ///
    /// # Errors
    /// `Usage` for a password of fewer than eight characters.
    pub fn set(&mut self, only_read: bool, password: &str) -> Result<()> {
        let failed = |what: &str| Err(Error::new(ErrorKind::Usage, what).with_verdict(Verdict::Untouched));
        if password.chars().count() < 8 {
            return failed("a password has at least eight characters");
        }
        let role = if only_read { Role::Reader } else { Role::Owner };
        if self.role(password).is_some_and(|of| of != role) {
            return failed(
                "the owner and those who only look cannot have the same password: nobody would know who comes in",
            );
        }
        let mut salt = [0; 16];
        stickshift::random::fill(&mut salt);
        let hashed = Argon2::default().hash_password_with_salt(password.as_bytes(), &salt);
        let Ok(hash): std::result::Result<PasswordHash, _> = hashed else {
            return failed("this password cannot be hashed");
        };
        self.0.retain(|(of, _)| *of != role);
        self.0.push((role, hash.to_string()));
        Ok(())
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The role that a password opens. Takes as long for a wrong one.
    pub(crate) fn role(&self, password: &str) -> Option<Role> {
        let mut opened = None;
        for (role, hash) in &self.0 {
            let Ok(hash) = PasswordHash::new(hash) else { continue };
            if Argon2::default().verify_password(password.as_bytes(), &hash).is_ok() {
                opened = opened.or(Some(*role));
            }
        }
        opened
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_opens_its_role_alone() {
        let mut passwords = Passwords::default();
        passwords.set(false, "correct horse").unwrap();
        passwords.set(true, "only looking").unwrap();
        let read = Passwords::parse(&passwords.text()).unwrap();
        assert_eq!(read.role("correct horse"), Some(Role::Owner));
        assert_eq!(read.role("only looking"), Some(Role::Reader));
        assert_eq!(read.role("correct horsf"), None);
        assert!(read.text().contains("$argon2id$") && !read.text().contains("horse"));
        assert!(passwords.set(false, "short").is_err());
        // Each may be set again; that of the other is refused.
        assert!(passwords.set(true, "only looking").is_ok() && passwords.set(true, "correct horse").is_err());
        assert!(passwords.set(false, "only looking").is_err());
        assert_eq!(passwords.role("correct horse"), Some(Role::Owner));
    }

    #[test]
    fn a_line_of_anything_else_is_refused() {
        for text in [
            "owner",
            "owner plain",
            "admin $argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$aGFzaGhhc2g",
            "owner $argon2i$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$aGFzaGhhc2g",
        ] {
            assert!(Passwords::parse(text).is_err(), "{text}");
        }
        assert!(Passwords::parse("# none\n\n").unwrap().is_empty());
    }
}
