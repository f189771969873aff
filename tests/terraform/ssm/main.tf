# Parameter Store: the resources and data sources of the AWS provider.

terraform {
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
}

variable "endpoint" { type = string }

provider "aws" {
  region = "us-east-1"
  endpoints {
    kms = var.endpoint
    ssm = var.endpoint
    sts = var.endpoint
  }
  default_tags { tags = { made-by = "terraform" } }
}

data "aws_caller_identity" "self" {}

resource "aws_kms_key" "parameters" {
  description             = "parameters"
  deletion_window_in_days = 7
}

resource "aws_ssm_parameter" "plain" {
  name            = "/terraform/plain"
  description     = "with everything"
  type            = "String"
  value           = "a1"
  allowed_pattern = "^[a-z][0-9]$"
  tags            = { team = "red" }
}

resource "aws_ssm_parameter" "list" {
  name  = "terraform-list"
  type  = "StringList"
  value = "a,b"
  tier  = "Advanced"
}

resource "aws_ssm_parameter" "secret" {
  name   = "/terraform/secret"
  type   = "SecureString"
  value  = "attack at dawn"
  key_id = aws_kms_key.parameters.arn
  tier   = "Intelligent-Tiering"
}

resource "aws_ssm_service_setting" "tier" {
  setting_id    = "arn:aws:ssm:us-east-1:${data.aws_caller_identity.self.account_id}:servicesetting/ssm/parameter-store/high-throughput-enabled"
  setting_value = "true"
}

data "aws_ssm_parameter" "secret" { name = aws_ssm_parameter.secret.name }

data "aws_ssm_parameters_by_path" "all" {
  path       = "/terraform"
  depends_on = [aws_ssm_parameter.plain, aws_ssm_parameter.secret]
}

output "seen" {
  value = {
    secret = data.aws_ssm_parameter.secret.value
    names  = sort(data.aws_ssm_parameters_by_path.all.names)
  }
  sensitive = true
}
