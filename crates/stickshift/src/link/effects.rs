use crate::error::{Error, ErrorKind, Result, Standing};
use crate::event::Cancel;

/// What a dialogue needs for the verdict of its next failure: what its commands have done so far, and whether the user asked to stop.
#[derive(Debug, Default)]
pub(crate) struct Effects {
    pub(crate) standing: Standing,
    pub(crate) cancel: Cancel,
}

/// A dialogue whose commands may change the stick.
pub(crate) trait Changes {
    fn effects(&self) -> &Effects;

    fn effects_mut(&mut self) -> &mut Effects;

    /// What the commands of this dialogue have done so far.
    fn standing(&self) -> Standing {
        self.effects().standing
    }

    /// States the verdict of a failure that is the caller's own, as far as it follows from the commands of this dialogue.
    fn assess(&self, error: Error) -> Error {
        self.standing().assess(error)
    }

    /// A look at the stick showed whether the command in doubt was carried out.
    fn settle(&mut self, carried_out: bool) {
        let standing = self.standing().settled(carried_out);
        self.stand(standing);
    }

    /// Takes `standing` for how the dialogue stands: what was done since is no matter of verdicts.
    fn stand(&mut self, standing: Standing) {
        self.effects_mut().standing = standing;
    }

    /// Takes the flag by which the user may ask to stop, for a look that is taken to its end.
    fn take_cancel(&mut self) -> Cancel {
        std::mem::take(&mut self.effects_mut().cancel)
    }

    /// Puts the flag back.
    fn put_cancel(&mut self, cancel: Cancel) {
        self.effects_mut().cancel = cancel;
    }

    /// To be called where stopping is safe.
    ///
    /// # Errors
    /// `Interrupted` when the user asked to stop.
    fn check(&self) -> Result<()> {
        if self.effects().cancel.is_cancelled() {
            return Err(self.assess(Error::new(ErrorKind::Interrupted, "stopped on request")));
        }
        Ok(())
    }
}
