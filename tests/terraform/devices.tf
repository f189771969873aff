# Hardware security modules and a key store in them. A cluster is claimed by its owner, and not by Terraform, between the steps.

terraform {
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
}

variable "endpoint" { type = string }
variable "zones" { type = list(string) }
# The certificate by which the owner claimed the cluster; empty before.
variable "anchor" { type = string }
variable "password" {
  type      = string
  sensitive = true
}

provider "aws" {
  region = "us-east-1"
  endpoints {
    cloudhsmv2 = var.endpoint
    kms        = var.endpoint
    sts        = var.endpoint
  }
}

resource "aws_cloudhsm_v2_cluster" "all" {
  hsm_type   = "hsm2m.medium"
  mode       = "FIPS"
  subnet_ids = ["subnet-0a1b2c3d", "subnet-1a2b3c4d"]
}

resource "aws_cloudhsm_v2_hsm" "all" {
  for_each          = toset(var.zones)
  cluster_id        = aws_cloudhsm_v2_cluster.all.cluster_id
  availability_zone = each.key
}

resource "aws_kms_custom_key_store" "all" {
  count                    = var.anchor == "" ? 0 : 1
  custom_key_store_name    = "hsm"
  cloud_hsm_cluster_id     = aws_cloudhsm_v2_cluster.all.cluster_id
  trust_anchor_certificate = var.anchor
  key_store_password       = var.password
}
