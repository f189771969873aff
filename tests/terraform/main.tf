# Every resource and data source of the AWS provider for the services that Fastness has, but for those that need something outside.

terraform {
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
}

variable "endpoint" { type = string }

provider "aws" {
  region = "us-east-1"
  endpoints {
    cloudhsmv2 = var.endpoint
    iam        = var.endpoint
    kms        = var.endpoint
    sts        = var.endpoint
  }
  default_tags { tags = { made-by = "terraform" } }
}

provider "aws" {
  alias  = "away"
  region = "eu-west-1"
  endpoints {
    iam = var.endpoint
    kms = var.endpoint
    sts = var.endpoint
  }
}

data "aws_caller_identity" "self" {}
data "aws_partition" "self" {}
data "aws_region" "self" {}

# KMS.

data "aws_iam_policy_document" "key" {
  statement {
    sid       = "Root"
    actions   = ["kms:*"]
    resources = ["*"]
    principals {
      type        = "AWS"
      identifiers = ["arn:${data.aws_partition.self.partition}:iam::${data.aws_caller_identity.self.account_id}:root"]
    }
  }
  statement {
    sid       = "Role"
    actions   = ["kms:Decrypt", "kms:DescribeKey"]
    resources = ["*"]
    principals {
      type        = "AWS"
      identifiers = [aws_iam_role.all.arn]
    }
    condition {
      test     = "StringEquals"
      variable = "kms:EncryptionContext:purpose"
      values   = ["test", "another"]
    }
  }
}

resource "aws_kms_key" "all" {
  description             = "with everything"
  policy                  = data.aws_iam_policy_document.key.json
  deletion_window_in_days = 7
  enable_key_rotation     = true
  rotation_period_in_days = 180
  tags                    = { purpose = "test" }
}

resource "aws_kms_key" "plain" {
  deletion_window_in_days = 7
}

resource "aws_kms_key_policy" "plain" {
  key_id = aws_kms_key.plain.id
  policy = data.aws_iam_policy_document.key.json
}

resource "aws_kms_key" "of_kind" {
  for_each = {
    RSA_2048      = "SIGN_VERIFY"
    RSA_3072      = "ENCRYPT_DECRYPT"
    ECC_NIST_P256 = "KEY_AGREEMENT"
    HMAC_256      = "GENERATE_VERIFY_MAC"
  }
  customer_master_key_spec = each.key
  key_usage                = each.value
  deletion_window_in_days  = 7
}

resource "aws_kms_key" "primary" {
  multi_region            = true
  deletion_window_in_days = 7
}

resource "aws_kms_replica_key" "replica" {
  provider                = aws.away
  primary_key_arn         = aws_kms_key.primary.arn
  deletion_window_in_days = 7
  tags                    = { where = "away" }
}

# The provider waits long for each member of these, longest for a key to be disabled: they have the least.
resource "aws_kms_external_key" "primary" {
  provider                = aws.away
  key_material_base64     = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
  multi_region            = true
  enabled                 = true
  deletion_window_in_days = 7
}

resource "aws_kms_replica_external_key" "replica" {
  enabled                 = true
  primary_key_arn         = aws_kms_external_key.primary.arn
  key_material_base64     = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
  deletion_window_in_days = 7
}

resource "aws_kms_alias" "all" {
  name          = "alias/terraform/all"
  target_key_id = aws_kms_key.all.key_id
}

resource "aws_kms_grant" "all" {
  name              = "all"
  key_id            = aws_kms_key.all.key_id
  grantee_principal = aws_iam_role.all.arn
  operations        = ["Encrypt", "Decrypt", "DescribeKey"]
  constraints {
    encryption_context_equals = { purpose = "test" }
  }
}

resource "aws_kms_ciphertext" "all" {
  key_id    = aws_kms_key.all.key_id
  plaintext = "attack at dawn"
  context   = { purpose = "test" }
}

data "aws_kms_secrets" "all" {
  secret {
    name    = "all"
    payload = aws_kms_ciphertext.all.ciphertext_blob
    context = { purpose = "test" }
  }
}

data "aws_kms_key" "all" { key_id = aws_kms_alias.all.name }
data "aws_kms_alias" "all" { name = aws_kms_alias.all.name }
data "aws_kms_public_key" "all" { key_id = aws_kms_key.of_kind["RSA_2048"].key_id }

# CloudHSM.

resource "aws_cloudhsm_v2_cluster" "all" {
  hsm_type   = "hsm2m.medium"
  mode       = "FIPS"
  subnet_ids = ["subnet-0a1b2c3d", "subnet-1a2b3c4d"]
  tags       = { purpose = "test" }
}

data "aws_cloudhsm_v2_cluster" "all" { cluster_id = aws_cloudhsm_v2_cluster.all.cluster_id }

# IAM.

data "aws_iam_policy_document" "trust" {
  statement {
    actions = ["sts:AssumeRole", "sts:TagSession"]
    principals {
      type        = "AWS"
      identifiers = [data.aws_caller_identity.self.account_id]
    }
    principals {
      type        = "Service"
      identifiers = ["ec2.amazonaws.com"]
    }
    condition {
      test     = "StringLike"
      variable = "aws:PrincipalTag/team"
      values   = ["red*"]
    }
  }
}

data "aws_iam_policy_document" "read" {
  statement {
    actions   = ["kms:DescribeKey", "kms:List*"]
    resources = [aws_kms_key.primary.arn, "arn:aws:kms:*:*:key/*"]
  }
  statement {
    effect        = "Deny"
    not_actions   = ["kms:*"]
    not_resources = ["arn:aws:kms:*:*:key/*"]
  }
}

resource "aws_iam_policy" "read" {
  name        = "read"
  path        = "/terraform/"
  description = "reads"
  policy      = data.aws_iam_policy_document.read.json
}

resource "aws_iam_policy" "boundary" {
  name_prefix = "boundary-"
  policy      = jsonencode({ Version = "2012-10-17", Statement = [{ Effect = "Allow", Action = "*", Resource = "*" }] })
}

resource "aws_iam_user" "all" {
  name                 = "terraform"
  path                 = "/terraform/"
  permissions_boundary = aws_iam_policy.boundary.arn
  tags                 = { team = "red" }
}

resource "aws_iam_user" "other" { name = "other" }

resource "aws_iam_access_key" "all" {
  user   = aws_iam_user.all.name
  status = "Inactive"
}

resource "aws_iam_user_policy" "all" {
  name   = "inline"
  user   = aws_iam_user.all.name
  policy = data.aws_iam_policy_document.read.json
}

resource "aws_iam_user_policy_attachment" "all" {
  user       = aws_iam_user.all.name
  policy_arn = aws_iam_policy.read.arn
}

resource "aws_iam_user_policies_exclusive" "all" {
  user_name    = aws_iam_user.all.name
  policy_names = [aws_iam_user_policy.all.name]
}

resource "aws_iam_user_policy_attachments_exclusive" "all" {
  user_name   = aws_iam_user.all.name
  policy_arns = [aws_iam_user_policy_attachment.all.policy_arn]
}

resource "aws_iam_group" "all" {
  name = "terraform"
  path = "/terraform/"
}

resource "aws_iam_group" "other" { name = "other" }

resource "aws_iam_group_membership" "all" {
  name  = "members"
  group = aws_iam_group.all.name
  users = [aws_iam_user.all.name, aws_iam_user.other.name]
}

resource "aws_iam_user_group_membership" "other" {
  user   = aws_iam_user.other.name
  groups = [aws_iam_group.other.name]
}

resource "aws_iam_group_policy" "all" {
  name   = "inline"
  group  = aws_iam_group.all.name
  policy = data.aws_iam_policy_document.read.json
}

resource "aws_iam_group_policy_attachment" "all" {
  group      = aws_iam_group.all.name
  policy_arn = aws_iam_policy.read.arn
}

resource "aws_iam_group_policies_exclusive" "all" {
  group_name   = aws_iam_group.all.name
  policy_names = [aws_iam_group_policy.all.name]
}

resource "aws_iam_group_policy_attachments_exclusive" "all" {
  group_name  = aws_iam_group.all.name
  policy_arns = [aws_iam_group_policy_attachment.all.policy_arn]
}

resource "aws_iam_role" "all" {
  name                  = "terraform"
  path                  = "/terraform/"
  description           = "with everything"
  assume_role_policy    = data.aws_iam_policy_document.trust.json
  max_session_duration  = 7200
  permissions_boundary  = aws_iam_policy.boundary.arn
  force_detach_policies = true
  tags                  = { team = "red" }
}

resource "aws_iam_role_policy" "all" {
  name   = "inline"
  role   = aws_iam_role.all.name
  policy = data.aws_iam_policy_document.read.json
}

resource "aws_iam_role_policy_attachment" "all" {
  role       = aws_iam_role.all.name
  policy_arn = aws_iam_policy.read.arn
}

resource "aws_iam_role_policies_exclusive" "all" {
  role_name    = aws_iam_role.all.name
  policy_names = [aws_iam_role_policy.all.name]
}

resource "aws_iam_role_policy_attachments_exclusive" "all" {
  role_name   = aws_iam_role.all.name
  policy_arns = [aws_iam_role_policy_attachment.all.policy_arn]
}

resource "aws_iam_policy_attachment" "everywhere" {
  name       = "everywhere"
  policy_arn = "arn:aws:iam::aws:policy/ReadOnlyAccess"
  groups     = [aws_iam_group.other.name]
  users      = [aws_iam_user.other.name]
}

resource "aws_iam_instance_profile" "all" {
  name = "terraform"
  path = "/terraform/"
  role = aws_iam_role.all.name
  tags = { team = "red" }
}

resource "aws_iam_account_alias" "all" { account_alias = "made-by-terraform" }

data "aws_iam_account_alias" "all" { depends_on = [aws_iam_account_alias.all] }
data "aws_iam_access_keys" "all" {
  user       = aws_iam_user.all.name
  depends_on = [aws_iam_access_key.all]
}
data "aws_iam_user" "all" { user_name = aws_iam_user.all.name }
data "aws_iam_users" "all" {
  path_prefix = "/terraform/"
  depends_on  = [aws_iam_user.all]
}
data "aws_iam_group" "all" {
  group_name = aws_iam_group.all.name
  depends_on = [aws_iam_group_membership.all]
}
data "aws_iam_role" "all" { name = aws_iam_role.all.name }
data "aws_iam_roles" "all" {
  path_prefix = "/terraform/"
  depends_on  = [aws_iam_role.all]
}
data "aws_iam_policy" "all" { arn = aws_iam_policy.read.arn }
data "aws_iam_instance_profile" "all" { name = aws_iam_instance_profile.all.name }
data "aws_iam_instance_profiles" "all" {
  role_name  = aws_iam_role.all.name
  depends_on = [aws_iam_instance_profile.all]
}
data "aws_iam_session_context" "all" { arn = data.aws_caller_identity.self.arn }

output "secret" {
  value     = data.aws_kms_secrets.all.plaintext["all"]
  sensitive = true
}
output "seen" {
  value = {
    alias   = data.aws_iam_account_alias.all.account_alias
    keys    = length(data.aws_iam_access_keys.all.access_keys)
    members = sort([for user in data.aws_iam_group.all.users : user.user_name])
    roles   = length(data.aws_iam_roles.all.names)
    users   = length(data.aws_iam_users.all.names)
    target  = data.aws_kms_alias.all.target_key_id == aws_kms_key.all.key_id
    spec    = data.aws_kms_public_key.all.customer_master_key_spec
    cluster = data.aws_cloudhsm_v2_cluster.all.cluster_state
  }
}
