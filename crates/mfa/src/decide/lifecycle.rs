//! The host changed what it recognises a subject by first: a new password, another identity provider.

use super::{Moment, Verdict};
use crate::event::{Event, EventKind};
use crate::random::RandomError;
use crate::record::Record;

/// Ends every ticket and assertion that the old first factor led to. Authenticators stay as they are.
///
/// A subject without a record gets one, without authenticators: else somebody who knew the old password could finish an
/// enrollment they began with it.
pub(crate) fn first_factor_changed(
    record: Option<Record>,
    moment: &mut Moment<'_>,
) -> Result<Verdict<()>, RandomError> {
    let record = match record {
        Some(mut record) => {
            record.redraw_epoch(&mut moment.draw)?;
            record
        }
        None => Record::new(moment.now, &mut moment.draw)?,
    };
    let events = vec![Event::of(moment.ctx, EventKind::FirstFactorChanged, moment.now)];
    Ok(Verdict::commit(record, events, Ok(())))
}
