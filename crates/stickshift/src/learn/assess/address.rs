//! Where a message goes, in so far as a profile has to say it.

use crate::learn::device::{Device, Interface};
use crate::learn::sent::{Sent, What};
use crate::profile::Parameters;

/// The parameters with the interface and the endpoints of what was sent, where who follows the profile would choose others: the first
/// interface, and the first bulk endpoint of it in each direction.
pub(super) fn with_address(mut parameters: Parameters, device: &Device, last: &Sent) -> Parameters {
    let mut interfaces = device.active_interfaces();
    interfaces.retain(|i| i.alternate == 0);
    let Some(first) = interfaces.first() else { return parameters };
    if matches!(last.what, What::Control { .. }) {
        return parameters;
    }
    let to: Option<&Interface> = interfaces.iter().find(|i| i.has_endpoint(last.endpoint));
    if let Some(to) = to.filter(|to| to.number != first.number) {
        parameters.interface = Some(to.number);
    }
    if matches!(last.what, What::Raw { .. }) {
        return parameters;
    }
    let [out, response] = to.unwrap_or(first).first_bulk;
    if out != Some(last.endpoint) {
        parameters.message_endpoint = Some(last.endpoint);
    }
    if let Some(from) = last.answered_from.filter(|from| Some(*from) != response) {
        parameters.response_endpoint = Some(from);
    }
    parameters
}

/// Why nobody knows which interface a message went to: the capture cuts off what says it. A profile that lacks its number fails where
/// it is not the first.
pub(super) fn unknown_interface(device: &Device, last: &Sent) -> Option<String> {
    let (held, all) = device.cut_configuration()?;
    let is_known = device.active_interfaces().iter().any(|i| i.has_endpoint(last.endpoint));
    (!is_known && !matches!(last.what, What::Control { .. })).then(|| {
        format!(
            "the capture holds {held} of the {all} bytes of its configuration descriptor, and not the interface of endpoint {:02x}: if \
             that is not the first one, the profile lacks Interface=",
            last.endpoint
        )
    })
}
