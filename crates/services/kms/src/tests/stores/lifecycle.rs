//! What stores are: made, connected, changed, deleted.

use super::{ANCHOR, CLUSTER, RELATED, cloudhsm, cluster, credential, external, world};
use crate::api::{self, ops};
use crate::testing::{OTHER, allow};
use crate::tests::{denied, refused};
use platform::{Cluster, Fault, Trouble};

#[test]
fn a_store_from_beginning_to_end() {
    let (world, behind) = world();
    let id = world.store(cloudhsm()).unwrap();
    assert!(id.len() == 21 && id.starts_with("cks-"), "{id}");
    assert_eq!(world.connection(&id), ("DISCONNECTED", None));
    world.connect(&id).unwrap();
    assert_eq!(world.connection(&id), ("CONNECTING", None));
    world.run_timers();
    assert_eq!(world.connection(&id), ("CONNECTED", None));
    world.connect(&id).unwrap();
    let entry = world.described(&id);
    assert_eq!(entry.cloud_hsm_cluster_id.as_deref(), Some(CLUSTER));
    assert_eq!(entry.trust_anchor_certificate.as_deref(), Some(ANCHOR));
    assert_eq!(behind.passwords.lock().unwrap().as_slice(), ["kmsPswd"]);
    let states = "is CONNECTED, which is not valid for this operation.";
    refused(
        world.delete(&id),
        "CustomKeyStoreInvalidStateException",
        &format!("The connection state of the custom key store {id} {states}"),
    );
    world.disconnect(&id).unwrap();
    assert_eq!(world.connection(&id), ("DISCONNECTING", None));
    assert_eq!(world.disconnect(&id).unwrap_err().code(), "CustomKeyStoreInvalidStateException");
    assert_eq!(world.connect(&id).unwrap_err().code(), "CustomKeyStoreInvalidStateException");
    world.run_timers();
    assert_eq!(world.connection(&id), ("DISCONNECTED", None));
    let told: Vec<_> = world.events().iter().map(|event| event.details["connectionState"].clone()).collect();
    assert_eq!(told, ["CONNECTED", "DISCONNECTED"]);
    world.delete(&id).unwrap();
    refused(
        world.connect(&id),
        "CustomKeyStoreNotFoundException",
        &format!("Custom key store with ID {id} is not found."),
    );
    assert!(world.rows().iter().all(|row| !row.starts_with("kms/stor")), "{:?}", world.rows());
}

#[test]
fn what_a_cluster_has_to_be() {
    let (world, behind) = world();
    let anchored = |anchor: &str| api::CreateCustomKeyStoreRequest {
        trust_anchor_certificate: Some(anchor.to_owned()),
        ..cloudhsm()
    };
    let on = |id: &str| api::CreateCustomKeyStoreRequest {
        cloud_hsm_cluster_id: Some(id.to_owned()),
        ..cloudhsm()
    };
    let code = |result: Result<String, Fault>| result.unwrap_err().code().to_owned();
    assert_eq!(code(world.store(on("cluster-zzzzzzz2345"))), "CloudHsmClusterNotFoundException");
    assert_eq!(code(world.store(anchored("other"))), "IncorrectTrustAnchorException");
    let change = |zones: &[&str], active| {
        let zones = zones.iter().map(|zone| (*zone).to_owned()).collect();
        behind
            .clusters
            .lock()
            .unwrap()
            .insert(CLUSTER.to_owned(), Cluster { zones, active, ..cluster("one") });
    };
    change(&["eu-central-1a", "eu-central-1a"], true);
    assert_eq!(code(world.store(cloudhsm())), "CloudHsmClusterInvalidConfigurationException");
    change(&[], false);
    assert_eq!(code(world.store(cloudhsm())), "CloudHsmClusterNotActiveException");
    change(&["eu-central-1a", "eu-central-1b"], true);
    // White space in PEM means nothing.
    let id = world.store(anchored(&ANCHOR.replace('\n', "\r\n"))).unwrap();
    refused(
        world.store(cloudhsm()),
        "CustomKeyStoreNameInUseException",
        "The custom key store name hsm is already in use in this account and Region.",
    );
    for cluster in [CLUSTER, RELATED] {
        let input = api::CreateCustomKeyStoreRequest { custom_key_store_name: "b".to_owned(), ..on(cluster) };
        assert_eq!(code(world.store(input)), "CloudHsmClusterInUseException");
    }
    change(&[], true);
    assert_eq!(world.connect(&id).unwrap_err().code(), "CloudHsmClusterInvalidConfigurationException");
    change(&[], false);
    assert_eq!(world.connect(&id).unwrap_err().code(), "CloudHsmClusterNotActiveException");
}

#[test]
fn which_settings_go_together() {
    let (world, _) = world();
    for broken in [
        api::CreateCustomKeyStoreRequest { key_store_password: None, ..cloudhsm() },
        api::CreateCustomKeyStoreRequest { cloud_hsm_cluster_id: None, ..cloudhsm() },
        api::CreateCustomKeyStoreRequest { trust_anchor_certificate: None, ..cloudhsm() },
        api::CreateCustomKeyStoreRequest { xks_proxy_uri_path: Some("/kms/xks/v1".to_owned()), ..cloudhsm() },
        api::CreateCustomKeyStoreRequest { key_store_password: Some("kmsPswd".to_owned()), ..external() },
        api::CreateCustomKeyStoreRequest { xks_proxy_uri_endpoint: None, ..external() },
        api::CreateCustomKeyStoreRequest { xks_proxy_authentication_credential: None, ..external() },
        api::CreateCustomKeyStoreRequest { xks_proxy_connectivity: None, ..external() },
        api::CreateCustomKeyStoreRequest {
            xks_proxy_connectivity: Some(api::XksProxyConnectivityType::VpcEndpointService),
            ..external()
        },
        api::CreateCustomKeyStoreRequest {
            xks_proxy_vpc_endpoint_service_name: Some(
                "com.amazonaws.vpce.eu-central-1.vpce-svc-1".to_owned(),
            ),
            ..external()
        },
    ] {
        assert_eq!(world.store(broken).unwrap_err().code(), "ValidationException");
    }
}

#[test]
fn no_more_than_ten() {
    let (world, _) = world();
    for number in 0..10 {
        let input = api::CreateCustomKeyStoreRequest {
            custom_key_store_name: format!("store {number}"),
            xks_proxy_uri_path: Some(format!("/{number}/kms/xks/v1")),
            ..external()
        };
        world.store(input).unwrap();
    }
    refused(
        world.store(cloudhsm()),
        "LimitExceededException",
        "You have reached the maximum number of custom key stores of this account and Region: 10.",
    );
    let page = |marker| {
        let input = api::DescribeCustomKeyStoresRequest { limit: Some(6), marker, ..Default::default() };
        world.call::<ops::DescribeCustomKeyStores>(&world.root(), input).unwrap()
    };
    let first = page(None);
    assert_eq!((first.custom_key_stores.unwrap().len(), first.truncated), (6, Some(true)));
    let second = page(first.next_marker);
    assert_eq!((second.custom_key_stores.unwrap().len(), second.truncated), (4, Some(false)));
}

#[test]
fn why_it_does_not_connect() {
    let (world, behind) = world();
    let id = world.store(cloudhsm()).unwrap();
    for (trouble, code) in [
        (Trouble::InvalidCredentials, "INVALID_CREDENTIALS"),
        (Trouble::ClusterNotFound, "CLUSTER_NOT_FOUND"),
        (Trouble::NoHsms, "INSUFFICIENT_CLOUDHSM_HSMS"),
        (Trouble::NotReachable, "NETWORK_ERRORS"),
        (Trouble::UserLockedOut, "USER_LOCKED_OUT"),
        (Trouble::UserLoggedIn, "USER_LOGGED_IN"),
        (Trouble::UserNotFound, "USER_NOT_FOUND"),
        (Trouble::Internal, "INTERNAL_ERROR"),
    ] {
        *behind.trouble.lock().unwrap() = Some(trouble);
        world.connect(&id).unwrap();
        world.run_timers();
        assert_eq!(world.connection(&id), ("FAILED", Some(code)));
        assert_eq!(world.connect(&id).unwrap_err().code(), "CustomKeyStoreInvalidStateException");
        world.disconnect(&id).unwrap();
        world.run_timers();
    }
}

#[test]
fn updates_of_a_clusters_store() {
    let (world, _) = world();
    let id = world.connected(cloudhsm());
    let change =
        || api::UpdateCustomKeyStoreRequest { custom_key_store_id: id.clone(), ..Default::default() };
    assert_eq!(world.update(change()).unwrap_err().code(), "ValidationException");
    let renamed =
        api::UpdateCustomKeyStoreRequest { new_custom_key_store_name: Some("new".to_owned()), ..change() };
    world.update(renamed).unwrap();
    let password =
        api::UpdateCustomKeyStoreRequest { key_store_password: Some("another".to_owned()), ..change() };
    assert_eq!(world.update(password.clone()).unwrap_err().code(), "CustomKeyStoreInvalidStateException");
    world.disconnect(&id).unwrap();
    world.run_timers();
    world.update(password).unwrap();
    let to = |cluster: &str| api::UpdateCustomKeyStoreRequest {
        cloud_hsm_cluster_id: Some(cluster.to_owned()),
        ..change()
    };
    let code = |result: Result<(), Fault>| result.unwrap_err().code().to_owned();
    assert_eq!(code(world.update(to("cluster-ccccccc2345"))), "CloudHsmClusterNotRelatedException");
    assert_eq!(code(world.update(to("cluster-zzzzzzz2345"))), "CloudHsmClusterNotFoundException");
    world.update(to(RELATED)).unwrap();
    let shown = world.described(&id);
    assert_eq!(shown.cloud_hsm_cluster_id.as_deref(), Some(RELATED));
    assert_eq!(shown.custom_key_store_name.as_deref(), Some("new"));
    let misfit =
        api::UpdateCustomKeyStoreRequest { xks_proxy_uri_path: Some("/kms/xks/v1".to_owned()), ..change() };
    assert_eq!(code(world.update(misfit)), "ValidationException");
}

/// What a store cannot become: its proxy does not answer there as it should, or another store is there already.
#[test]
fn updates_that_a_proxy_or_a_neighbour_refuses() {
    let (world, behind) = world();
    let id = world.store(external()).unwrap();
    let private = |name: &str, number: u32| api::CreateCustomKeyStoreRequest {
        custom_key_store_name: name.to_owned(),
        xks_proxy_uri_endpoint: Some(format!("https://{name}.example.com")),
        xks_proxy_connectivity: Some(api::XksProxyConnectivityType::VpcEndpointService),
        xks_proxy_vpc_endpoint_service_name: Some(vpc_service(number)),
        xks_proxy_uri_path: Some(format!("/{name}/kms/xks/v1")),
        ..external()
    };
    world.store(private("other", 1)).unwrap();
    let mine = world.store(private("mine", 2)).unwrap();
    let public = api::CreateCustomKeyStoreRequest {
        custom_key_store_name: "public".to_owned(),
        xks_proxy_uri_path: Some("/second/kms/xks/v1".to_owned()),
        ..external()
    };
    world.store(public).unwrap();
    let change = |id: &str| api::UpdateCustomKeyStoreRequest {
        custom_key_store_id: id.to_owned(),
        ..Default::default()
    };
    let at = |path: &str| api::UpdateCustomKeyStoreRequest {
        xks_proxy_uri_path: Some(format!("/{path}/kms/xks/v1")),
        ..change(&id)
    };
    for (trouble, code) in [
        (Trouble::InvalidCredentials, "XksProxyIncorrectAuthenticationCredentialException"),
        (Trouble::InvalidConfiguration, "XksProxyInvalidConfigurationException"),
        (Trouble::NotReachable, "XksProxyUriUnreachableException"),
        (Trouble::InvalidResponse, "XksProxyInvalidResponseException"),
        (Trouble::VpcServiceNotFound, "XksProxyVpcEndpointServiceNotFoundException"),
    ] {
        *behind.trouble.lock().unwrap() = Some(trouble);
        assert_eq!(world.update(at("new")).unwrap_err().code(), code);
        let created = api::CreateCustomKeyStoreRequest {
            custom_key_store_name: "new".to_owned(),
            xks_proxy_uri_path: Some("/new/kms/xks/v1".to_owned()),
            ..external()
        };
        assert_eq!(world.store(created).unwrap_err().code(), code);
    }
    *behind.trouble.lock().unwrap() = None;
    let code = |input| world.update(input).unwrap_err().code().to_owned();
    assert_eq!(code(at("second")), "XksProxyUriInUseException");
    let endpoint = api::UpdateCustomKeyStoreRequest {
        xks_proxy_uri_endpoint: Some("https://xks.example.com".to_owned()),
        ..change(&mine)
    };
    assert_eq!(code(endpoint), "XksProxyUriEndpointInUseException");
    let service = api::UpdateCustomKeyStoreRequest {
        xks_proxy_vpc_endpoint_service_name: Some(vpc_service(1)),
        ..change(&mine)
    };
    assert_eq!(code(service), "XksProxyVpcEndpointServiceInUseException");
    let name = api::UpdateCustomKeyStoreRequest {
        new_custom_key_store_name: Some("other".to_owned()),
        ..change(&mine)
    };
    assert_eq!(code(name), "CustomKeyStoreNameInUseException");
}

#[test]
fn external_stores_and_their_neighbours() {
    let (world, behind) = world();
    for (trouble, code) in [
        (Trouble::InvalidCredentials, "XksProxyIncorrectAuthenticationCredentialException"),
        (Trouble::NotReachable, "XksProxyUriUnreachableException"),
        (Trouble::InvalidResponse, "XksProxyInvalidResponseException"),
        (Trouble::InvalidTls, "XksProxyUriUnreachableException"),
    ] {
        *behind.trouble.lock().unwrap() = Some(trouble);
        assert_eq!(world.store(external()).unwrap_err().code(), code);
    }
    *behind.trouble.lock().unwrap() = None;
    let id = world.store(external()).unwrap();
    let vpc = |name: &str, endpoint: &str, service: &str| api::CreateCustomKeyStoreRequest {
        custom_key_store_name: name.to_owned(),
        xks_proxy_uri_endpoint: Some(endpoint.to_owned()),
        xks_proxy_connectivity: Some(api::XksProxyConnectivityType::VpcEndpointService),
        xks_proxy_vpc_endpoint_service_name: Some(format!(
            "com.amazonaws.vpce.eu-central-1.vpce-svc-{service}"
        )),
        xks_proxy_uri_path: Some(format!("/{name}/kms/xks/v1")),
        ..external()
    };
    let named = api::CreateCustomKeyStoreRequest { custom_key_store_name: "b".to_owned(), ..external() };
    assert_eq!(world.store(named).unwrap_err().code(), "XksProxyUriInUseException");
    let on_public = vpc("b", "https://xks.example.com", "1");
    assert_eq!(world.store(on_public).unwrap_err().code(), "XksProxyUriEndpointInUseException");
    let private = world.store(vpc("b", "https://private.example.com", "1")).unwrap();
    let same_service = vpc("c", "https://other.example.com", "1");
    assert_eq!(world.store(same_service).unwrap_err().code(), "XksProxyVpcEndpointServiceInUseException");
    let shown = world.described(&private).xks_proxy_configuration.unwrap();
    assert_eq!(shown.vpc_endpoint_service_owner.as_deref(), Some(crate::testing::ACCOUNT));

    // Path and credential may change while it is connected; where it is may not.
    world.connect(&id).unwrap();
    world.run_timers();
    let change = |id: &str| api::UpdateCustomKeyStoreRequest {
        custom_key_store_id: id.to_owned(),
        ..Default::default()
    };
    world
        .update(api::UpdateCustomKeyStoreRequest {
            xks_proxy_authentication_credential: Some(credential("ABCDE12345670ANOTHER")),
            ..change(&id)
        })
        .unwrap();
    let moved = api::UpdateCustomKeyStoreRequest {
        xks_proxy_uri_endpoint: Some("https://moved.example.com".to_owned()),
        ..change(&id)
    };
    assert_eq!(world.update(moved.clone()).unwrap_err().code(), "CustomKeyStoreInvalidStateException");
    world.disconnect(&id).unwrap();
    world.run_timers();
    world.update(moved).unwrap();
    let shown = world.described(&id).xks_proxy_configuration.unwrap();
    assert_eq!(shown.uri_endpoint.as_deref(), Some("https://moved.example.com"));
    assert_eq!(shown.access_key_id.as_deref(), Some("ABCDE12345670ANOTHER"));
}

fn vpc_service(number: u32) -> String {
    format!("com.amazonaws.vpce.eu-central-1.vpce-svc-{number}")
}

#[test]
fn stores_are_for_callers_with_permission_and_of_the_account() {
    let (world, _) = world();
    let id = world.store(cloudhsm()).unwrap();
    let nobody = world.user(crate::testing::ACCOUNT, "nobody", "");
    let input = api::ConnectCustomKeyStoreRequest { custom_key_store_id: id.clone() };
    denied(world.call::<ops::ConnectCustomKeyStore>(&nobody, input.clone()), "kms:ConnectCustomKeyStore");
    let stranger = world.root_of(OTHER);
    let result = world.call::<ops::ConnectCustomKeyStore>(&stranger, input);
    assert_eq!(result.unwrap_err().code(), "CustomKeyStoreNotFoundException");
    // Clusters are looked up in the caller's name.
    let half = world.user(crate::testing::ACCOUNT, "half", &allow("kms:CreateCustomKeyStore"));
    let input = api::CreateCustomKeyStoreRequest { custom_key_store_name: "b".to_owned(), ..cloudhsm() };
    denied(world.call::<ops::CreateCustomKeyStore>(&half, input), "cloudhsm:DescribeClusters");
}
