//! The feed of a cluster: each shard's events, copied into one stream.
//!
//! How far each shard was read is noted beside the feed, in the slot of the feed and by the script that appends: of any
//! number of readers that copy at once, one appends a slice and the others begin again from where it got to.

use crate::event;
use crate::fault::Fault;
use crate::layout::{Family, Layout};
use crate::link::{Link, bytes};
use crate::script::PUMP;

/// Copies what the feed does not have yet. On one server the events are the feed, and there is nothing to copy.
pub(crate) async fn pump(link: &Link, layout: &Layout) -> Result<(), Fault> {
    let feed = layout.feed();
    for shard in layout.shards() {
        if shard != feed {
            while slice(link, &feed, &shard).await? {}
        }
    }
    Ok(())
}

/// Copies one slice; whether there may be more.
async fn slice(link: &Link, feed: &Family, shard: &Family) -> Result<bool, Fault> {
    let mut get = redis::cmd("HGET");
    get.arg(feed.key("h")).arg(shard.as_bytes());
    let before = bytes(link.read_one(feed, get).await?, PLACE)?.unwrap_or_else(|| b"0".to_vec());
    let after = std::str::from_utf8(&before).ok().and_then(|number| number.parse().ok());
    let entries = event::entries(link, shard, after.ok_or(Fault::Unreadable(PLACE))?, SLICE).await?;
    let Some((end, _)) = entries.last() else { return Ok(false) };
    let mut arguments = vec![shard.as_bytes(), before, end.to_string().into_bytes()];
    arguments.extend(entries.into_iter().map(|(_, event)| event));
    link.run_one(feed, PUMP.call([feed.key("e"), feed.key("h")], arguments)).await?;
    // Whether it was this call that appended does not matter; whether more has come does.
    Ok(true)
}

const PLACE: &str = "how far the feed has read a shard";
const SLICE: usize = 256;
