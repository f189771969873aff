//! DescribeClusters and DescribeBackups.

use crate::CloudHsm;
use crate::api::{
    BackupState, ClusterState, DescribeBackupsRequest, DescribeBackupsResponse, DescribeClustersRequest,
    DescribeClustersResponse, ops,
};
use crate::backups::{BACKUPS, Backup};
use crate::cluster::{CLUSTERS, Cluster};
use crate::errors::invalid;
use crate::initialize::look;
use platform::{Access, Cx, Fault, Handle, page};
use std::collections::BTreeMap;
use std::sync::Arc;

/// How many there are on a page, if nothing is said: as many as there may be.
const CLUSTERS_PAGE: usize = 25;
const BACKUPS_PAGE: usize = 50;

/// A filter: what is listed has one of these values.
type Filters = BTreeMap<String, Vec<String>>;

/// Requires that only filters are named that there are.
fn check(filters: Option<&Filters>, known: &[&str]) -> Result<(), Fault> {
    match filters.into_iter().flatten().find(|(name, _)| !known.contains(&name.as_str())) {
        Some((name, _)) => Err(invalid(format!("{name} is not a filter: {}.", known.join(", ")))),
        None => Ok(()),
    }
}

fn passes(filters: Option<&Filters>, name: &str, value: Option<&str>) -> bool {
    let wanted = filters.and_then(|filters| filters.get(name));
    wanted.is_none_or(|wanted| value.is_some_and(|value| wanted.iter().any(|one| one == value)))
}

/// Cuts a list down to a page. What names an item tells the order as well.
fn page_of<T>(
    cx: &Cx<'_>,
    list: &str,
    items: Vec<(String, T)>,
    size: usize,
    token: Option<&str>,
) -> Result<(Vec<T>, Option<String>), Fault> {
    let after =
        page::after(cx, list, token).map_err(|page::InvalidMarker| invalid("The NextToken is not valid."))?;
    let mut rest: Vec<_> = match &after {
        None => items,
        Some(after) => items.into_iter().skip_while(|(name, _)| name != after).skip(1).collect(),
    };
    let more = rest.len() > size;
    rest.truncate(size);
    let next = match rest.last().filter(|_| more) {
        Some((name, _)) => Some(page::marker(cx, list, name)?),
        None => None,
    };
    Ok((rest.into_iter().map(|(_, item)| item).collect(), next))
}

fn size(asked: Option<i32>, most: usize) -> usize {
    asked.and_then(|asked| usize::try_from(asked).ok()).unwrap_or(most).clamp(1, most)
}

impl Handle<ops::DescribeClusters> for CloudHsm {
    fn handle(
        &self,
        cx: &mut Cx<'_>,
        input: &DescribeClustersRequest,
    ) -> Result<DescribeClustersResponse, Fault> {
        cx.authorize(&Access::to("cloudhsm:DescribeClusters", "*"))?;
        let filters = input.filters.as_ref();
        check(filters, &["clusterIds", "vpcIds", "states"])?;
        let own = [cx.account(), cx.region()];
        let rows = CLUSTERS.scan(&mut cx.tx, &own, None, usize::MAX)?;
        let mut found = Vec::new();
        for (id, cluster) in rows {
            let mut cluster: Cluster = (*cluster).clone();
            look(cx, &mut cluster)?;
            // Clusters have no VPC here.
            let fits = passes(filters, "clusterIds", Some(&id))
                && passes(filters, "vpcIds", None)
                && passes(filters, "states", Some(cluster.state.as_str()));
            if fits {
                found.push((id, cluster));
            }
        }
        let size = size(input.max_results, CLUSTERS_PAGE);
        let (clusters, next_token) =
            page_of(cx, "cloudhsm:DescribeClusters", found, size, input.next_token.as_deref())?;
        let clusters = clusters.iter().map(|cluster| shown(cx, cluster)).collect::<Result<_, _>>()?;
        Ok(DescribeClustersResponse { clusters: Some(clusters), next_token })
    }
}

/// A cluster with its security officer's PIN, while that is still its owner's to change.
fn shown(cx: &Cx<'_>, cluster: &Cluster) -> Result<crate::api::Cluster, Fault> {
    let early = [ClusterState::Uninitialized, ClusterState::InitializeInProgress, ClusterState::Initialized];
    let officer = match &cluster.device {
        Some(device) if early.contains(&cluster.state) => Some(device.so_pin(cx)?.to_string()),
        _ => None,
    };
    Ok(cluster.on_the_wire(officer))
}

impl Handle<ops::DescribeBackups> for CloudHsm {
    fn handle(
        &self,
        cx: &mut Cx<'_>,
        input: &DescribeBackupsRequest,
    ) -> Result<DescribeBackupsResponse, Fault> {
        cx.authorize(&Access::to("cloudhsm:DescribeBackups", "*"))?;
        let filters = input.filters.as_ref();
        check(filters, &["backupIds", "sourceBackupIds", "clusterIds", "states", "neverExpires"])?;
        // Backups are shared by policies alone, which are not promoted to resource shares: those are not listed at AWS either.
        if input.shared == Some(true) {
            return Ok(DescribeBackupsResponse { backups: Some(Vec::new()), next_token: None });
        }
        let own = [cx.account(), cx.region()];
        let rows = BACKUPS.scan(&mut cx.tx, &own, None, usize::MAX)?;
        let fits = |backup: &Arc<Backup>| {
            let source = backup.source.as_ref().map(|source| source.backup.as_str());
            passes(filters, "backupIds", Some(&backup.id))
                && passes(filters, "sourceBackupIds", source)
                && passes(filters, "clusterIds", Some(&backup.cluster))
                && passes(filters, "states", Some(backup.state.as_str()))
                && passes(filters, "neverExpires", Some(if backup.never_expires { "true" } else { "false" }))
                && backup.state != BackupState::Deleted
        };
        let mut found: Vec<_> = rows.into_iter().filter(|(_, backup)| fits(backup)).collect();
        found.sort_by(|(_, one), (_, other)| (one.created, &one.id).cmp(&(other.created, &other.id)));
        let ascending = input.sort_ascending == Some(true);
        if !ascending {
            found.reverse();
        }
        let list = format!("cloudhsm:DescribeBackups/{ascending}");
        let size = size(input.max_results, BACKUPS_PAGE);
        let (backups, next_token) = page_of(cx, &list, found, size, input.next_token.as_deref())?;
        let backups = backups.iter().map(|backup| backup.on_the_wire()).collect();
        Ok(DescribeBackupsResponse { backups: Some(backups), next_token })
    }
}
