//! The network's short codes: `*100#` tells a balance, `*111#` is a menu of three levels, `*999#` never answers.

use std::time::Duration;

use stickshift::link::Moment;

/// How long the network takes.
pub(crate) const TAKES: Duration = Duration::from_secs(3);

/// What the network says, and whether it waits for an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NetworkReply {
    pub(crate) text: String,
    pub(crate) asks: bool,
}

/// A question of the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Menu {
    Top,
    Offers,
    Sure,
}

impl Menu {
    fn text(self) -> &'static str {
        match self {
            Menu::Top => "1 Balance\n2 Offers",
            Menu::Offers => "1 Data 1 GB\n2 Data 5 GB\n0 Back",
            Menu::Sure => "Are you sure?\n1 Yes\n2 No",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ussd {
    /// `AT^USSDMODE`: 0 plain text, 1 packed.
    pub(crate) packed: bool,
    /// Where in the menu the network waits for an answer.
    menu: Option<Menu>,
    pending: Option<(Moment, Option<NetworkReply>)>,
    /// What the network was sent, in order, over all restarts.
    received: Vec<String>,
}

impl Default for Ussd {
    /// Sticks want codes packed until they are told otherwise.
    fn default() -> Self {
        Ussd { packed: true, menu: None, pending: None, received: Vec::new() }
    }
}

impl Ussd {
    /// After a restart: the dialogue is over.
    pub(crate) fn boot(&mut self) {
        *self = Ussd { received: std::mem::take(&mut self.received), ..Ussd::default() };
    }

    /// What the network was sent, in order.
    pub(crate) fn received(&self) -> &[String] {
        &self.received
    }

    pub(crate) fn is_open(&self) -> bool {
        self.menu.is_some()
    }

    /// A code, or the answer to a question. What the network will say; `None` when it never says anything.
    pub(crate) fn send(&mut self, now: Moment, code: &str) -> Option<NetworkReply> {
        self.received.push(code.to_owned());
        let said = |text: &str| Some(NetworkReply { text: text.into(), asks: false });
        let asks = |menu: Menu| (Some(menu), Some(NetworkReply { text: menu.text().into(), asks: true }));
        let (menu, answer) = match (self.menu, code) {
            (_, "*999#") => (None, None),
            (_, "*100#") | (Some(Menu::Top), "1") => (None, said("Balance: 12.34 EUR")),
            (_, "*111#") | (Some(Menu::Offers), "0") => asks(Menu::Top),
            (Some(Menu::Top), "2") | (Some(Menu::Sure), "2") => asks(Menu::Offers),
            (Some(Menu::Offers), "1" | "2") => asks(Menu::Sure),
            (Some(Menu::Sure), "1") => (None, said("Done. It costs 5.00 EUR")),
            (_, "*123#") => (None, said("Баланс 12,34 €")),
            _ => (None, said("Unknown code")),
        };
        self.menu = menu;
        self.pending = Some((now + TAKES, answer.clone()));
        answer
    }

    pub(crate) fn release(&mut self) {
        (self.menu, self.pending) = (None, None);
    }

    /// For the web server, which is asked again and again: `None` while nothing has come.
    pub(crate) fn take(&mut self, now: Moment) -> Option<NetworkReply> {
        let (due, answer) = self.pending.as_ref()?;
        if now < *due || answer.is_none() {
            return None;
        }
        self.pending.take()?.1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_keeps_the_dialogue_open() {
        let mut ussd = Ussd::default();
        let now = Moment::from_secs(1);
        ussd.send(now, "*111#");
        assert!(ussd.is_open() && ussd.take(now).is_none());
        assert!(ussd.take(now + TAKES).unwrap().text.starts_with("1 Balance"));
        assert_eq!(ussd.take(now + TAKES), None, "it is said once");
        ussd.send(now, "1");
        assert!(!ussd.is_open());
        for (code, starts, open) in [
            ("*111#", "1 Balance", true),
            ("2", "1 Data", true),
            ("0", "1 Balance", true),
            ("2", "1 Data", true),
            ("2", "Are you sure", true),
            ("1", "Done", false),
            ("1", "Unknown", false),
        ] {
            assert!(ussd.send(now, code).unwrap().text.starts_with(starts), "{code}");
            assert_eq!(ussd.is_open(), open, "{code}");
        }
        ussd.send(now, "*999#");
        assert_eq!(ussd.take(now + TAKES * 100), None);
    }
}
