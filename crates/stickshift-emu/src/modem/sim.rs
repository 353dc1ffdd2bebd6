//! The SIM: its states and its counters (docs/protocols/hilink-at.md sections 1.7 and 3.5).

use stickshift::link::Moment;

pub(crate) const PIN_TRIES: u8 = 3;
pub(crate) const PUK_TRIES: u8 = 10;

/// What the SIM wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SimState {
    /// There is no SIM.
    Absent,
    /// Not asked yet, as for some seconds after power.
    Busy,
    /// Its PIN.
    Pin,
    /// Its PUK: three PINs were wrong.
    Puk,
    /// The last PUK was wrong, too.
    Dead,
    /// Nothing.
    Ready,
}

/// Why the SIM does not do what it was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    Absent,
    Busy,
    /// A wrong code, which has cost a try.
    Wrong,
    /// Not now: nothing to unlock, or something else first.
    NotAllowed,
    WantsPuk,
    Dead,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sim {
    pub(crate) present: bool,
    /// It asks for a PIN after power.
    pub(crate) enabled: bool,
    pub(crate) pin_tries: u8,
    pub(crate) puk_tries: u8,
    pin: String,
    puk: String,
    verified: bool,
    /// It starts next without having lost its power.
    stays_open: bool,
    awake_at: Moment,
}

impl Sim {
    pub(crate) fn new() -> Self {
        Sim {
            present: true,
            enabled: false,
            pin_tries: PIN_TRIES,
            puk_tries: PUK_TRIES,
            pin: "1234".into(),
            puk: "12345678".into(),
            verified: false,
            stays_open: false,
            awake_at: Moment::ZERO,
        }
    }

    /// It asks for its PIN.
    pub(crate) fn lock(&mut self) {
        (self.enabled, self.verified) = (true, false);
    }

    pub(crate) fn boot(&mut self, awake_at: Moment) {
        (self.verified, self.awake_at) = (std::mem::take(&mut self.stays_open), awake_at);
    }

    pub(crate) fn state(&self, now: Moment) -> SimState {
        match self {
            _ if !self.present => SimState::Absent,
            _ if now < self.awake_at => SimState::Busy,
            Sim { puk_tries: 0, .. } => SimState::Dead,
            Sim { pin_tries: 0, .. } => SimState::Puk,
            _ if self.enabled && !self.verified => SimState::Pin,
            _ => SimState::Ready,
        }
    }

    pub(crate) fn is_ready(&self, now: Moment) -> bool {
        self.state(now) == SimState::Ready
    }

    pub(crate) fn is_verified(&self) -> bool {
        self.verified
    }

    /// Makes it the one that was put away.
    pub(crate) fn go_on_as(&mut self, enabled: bool, pin: &str, tries: (u8, u8), stays_open: bool) {
        self.enabled = enabled;
        pin.clone_into(&mut self.pin);
        (self.pin_tries, self.puk_tries) = tries;
        self.stays_open = stays_open;
    }

    pub(crate) fn pin(&self) -> &str {
        &self.pin
    }

    /// The PIN after power.
    pub(crate) fn enter(&mut self, now: Moment, pin: &str) -> Result<(), Refused> {
        match self.state(now) {
            SimState::Pin => self.check(pin),
            SimState::Ready => Err(Refused::NotAllowed),
            other => Err(refused(other)),
        }
    }

    /// The PUK, and the PIN that it will have.
    pub(crate) fn unblock(&mut self, now: Moment, puk: &str, pin: &str) -> Result<(), Refused> {
        match self.state(now) {
            SimState::Puk if puk != self.puk || !is_pin(pin) => {
                self.puk_tries -= 1;
                Err(Refused::Wrong)
            }
            SimState::Puk => {
                pin.clone_into(&mut self.pin);
                (self.pin_tries, self.puk_tries, self.verified) = (PIN_TRIES, PUK_TRIES, true);
                Ok(())
            }
            SimState::Ready | SimState::Pin => Err(Refused::NotAllowed),
            other => Err(refused(other)),
        }
    }

    /// Whether it asks for a PIN after power.
    pub(crate) fn enable(&mut self, now: Moment, on: bool, pin: &str) -> Result<(), Refused> {
        self.open(now)?;
        if on == self.enabled {
            return Err(Refused::NotAllowed);
        }
        self.check(pin)?;
        self.enabled = on;
        Ok(())
    }

    /// Another PIN; only while it is asked for at all.
    pub(crate) fn change(&mut self, now: Moment, old: &str, new: &str) -> Result<(), Refused> {
        self.open(now)?;
        if !self.enabled || !is_pin(new) {
            return Err(Refused::NotAllowed);
        }
        self.check(old)?;
        new.clone_into(&mut self.pin);
        Ok(())
    }

    fn open(&self, now: Moment) -> Result<(), Refused> {
        match self.state(now) {
            SimState::Ready | SimState::Pin => Ok(()),
            other => Err(refused(other)),
        }
    }

    fn check(&mut self, pin: &str) -> Result<(), Refused> {
        if pin == self.pin {
            (self.pin_tries, self.verified) = (PIN_TRIES, true);
            return Ok(());
        }
        self.pin_tries -= 1;
        Err(if self.pin_tries == 0 { Refused::WantsPuk } else { Refused::Wrong })
    }
}

fn refused(state: SimState) -> Refused {
    match state {
        SimState::Absent => Refused::Absent,
        SimState::Busy => Refused::Busy,
        SimState::Puk => Refused::WantsPuk,
        SimState::Dead => Refused::Dead,
        SimState::Pin | SimState::Ready => Refused::NotAllowed,
    }
}

pub(crate) fn is_pin(text: &str) -> bool {
    (4..=8).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Moment = Moment::from_secs(10);

    #[test]
    fn three_wrong_pins_and_ten_wrong_puks() {
        let mut sim = Sim::new();
        assert_eq!(sim.enter(NOW, "1234"), Err(Refused::NotAllowed));
        sim.lock();
        assert_eq!(sim.enter(NOW, "0000"), Err(Refused::Wrong));
        assert_eq!((sim.pin_tries, sim.state(NOW)), (2, SimState::Pin));
        assert_eq!(sim.enter(NOW, "1234"), Ok(()));
        assert_eq!((sim.pin_tries, sim.state(NOW)), (3, SimState::Ready));
        assert_eq!(sim.change(NOW, "1234", "4321"), Ok(()));
        sim.boot(NOW);
        assert_eq!(sim.state(Moment::ZERO), SimState::Busy);
        assert_eq!(sim.enter(NOW, "1234"), Err(Refused::Wrong));
        assert_eq!(sim.enter(NOW, "1234"), Err(Refused::Wrong));
        assert_eq!(sim.enter(NOW, "1234"), Err(Refused::WantsPuk));
        assert_eq!((sim.pin_tries, sim.state(NOW)), (0, SimState::Puk));
        for left in (1..10).rev() {
            assert_eq!(sim.unblock(NOW, "00000000", "1111"), Err(Refused::Wrong));
            assert_eq!(sim.puk_tries, left);
        }
        let mut saved = sim.clone();
        assert_eq!(saved.unblock(NOW, "12345678", "1111"), Ok(()));
        assert_eq!((saved.pin_tries, saved.puk_tries, saved.state(NOW)), (3, 10, SimState::Ready));
        assert_eq!(sim.unblock(NOW, "0", "1111"), Err(Refused::Wrong));
        assert_eq!(sim.unblock(NOW, "12345678", "1111"), Err(Refused::Dead));
    }

    #[test]
    fn the_lock_is_switched_with_the_pin_alone() {
        let mut sim = Sim::new();
        assert_eq!(sim.enable(NOW, true, "9999"), Err(Refused::Wrong));
        assert_eq!(sim.enable(NOW, true, "1234"), Ok(()));
        assert_eq!(sim.enable(NOW, true, "1234"), Err(Refused::NotAllowed), "it is on");
        assert_eq!(sim.enable(NOW, false, "1234"), Ok(()));
        assert_eq!(sim.change(NOW, "1234", "4321"), Err(Refused::NotAllowed), "it is off");
    }
}
