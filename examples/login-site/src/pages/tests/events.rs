//! Events that several processes read into one table.

use super::TestSite;

#[tokio::test]
async fn two_readers_of_one_table_lose_nothing_and_double_nothing() {
    let site = TestSite::new();
    drop(site.enrolled("marcus@enforced.example").await);
    let (one, other) = (site.host.clone(), site.host.clone());
    // Both read on from the same place before either has kept anything.
    let place = one.store.events_read().unwrap();
    let few = one.mfa.events(place, 1).await.unwrap();
    let all = other.mfa.events(place, 100).await.unwrap();
    other.store.keep_events(&all).unwrap();
    one.store.keep_events(&few).unwrap();
    assert_eq!(one.store.events_read().unwrap(), all.next, "the cursor never goes back");
    let subject = all.events[0].subject;
    let mut told: Vec<_> =
        all.events.iter().filter(|told| told.subject == subject).map(|told| told.event.clone()).collect();
    told.reverse();
    assert!(told.len() > 1);
    assert_eq!(one.store.recent_events(subject).unwrap(), told);
}
