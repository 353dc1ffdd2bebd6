//! The network's short codes: `*100#` tells a balance, `*111#` asks back, `*999#` never answers.

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

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ussd {
    /// `AT^USSDMODE`: 0 plain text, 1 packed.
    pub(crate) packed: bool,
    open: bool,
    pending: Option<(Moment, Option<NetworkReply>)>,
    /// What the network was sent, in order, over all restarts.
    received: Vec<String>,
}

impl Default for Ussd {
    /// Sticks want codes packed until they are told otherwise.
    fn default() -> Self {
        Ussd { packed: true, open: false, pending: None, received: Vec::new() }
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
        self.open
    }

    /// A code, or the answer to a question. What the network will say; `None` when it never says anything.
    pub(crate) fn send(&mut self, now: Moment, code: &str) -> Option<NetworkReply> {
        self.received.push(code.to_owned());
        let said = |text: &str, asks| Some(NetworkReply { text: text.into(), asks });
        let answer = match code {
            "*999#" => None,
            "*100#" => said("Balance: 12.34 EUR", false),
            "*111#" => said("1 Balance\n2 Offers", true),
            "1" if self.open => said("Balance: 12.34 EUR", false),
            "*123#" => said("Баланс 12,34 €", false),
            _ => said("Unknown code", false),
        };
        self.open = answer.as_ref().is_some_and(|a| a.asks);
        self.pending = Some((now + TAKES, answer.clone()));
        answer
    }

    pub(crate) fn release(&mut self) {
        (self.open, self.pending) = (false, None);
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
        ussd.send(now, "*999#");
        assert_eq!(ussd.take(now + TAKES * 100), None);
    }
}
