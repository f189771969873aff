# Credentials of users other than access keys.

# What is made of it beside Terraform goes with it.
resource "aws_iam_user" "forced" {
  name          = "forced"
  force_destroy = true
}

resource "aws_iam_user_login_profile" "all" {
  user = aws_iam_user.other.name
}

resource "aws_iam_user_ssh_key" "ssh" {
  username   = aws_iam_user.other.name
  encoding   = "SSH"
  public_key = "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQDEcyAo+OVs5wIQmHLxkXOLMDlHZ5AivUBpPjLym+kZcqnzgAkW93MzIHINyVD4v5mLHa4OOadH306dhVzgTGUjOQlYnTHPzrQXVKKrSpCHtds6W9qtgpmNcnotcJwy1T5AabNvKSNPBTLz68YxDNB+0Z0yW5lkyLDnOFFsgRnrtY3rr5PfBOIxFQV73h1ItALFFkPZhw2RmfhAHzuaXP0qmq8oLbIiNoOBzMMaXBSaRAcDrSqgapwL6KT6FeSjzrc2vxXVolw/WCQQFXne4bWPUWBotd1ou6E9tatMmU1HnjLHlDo9ke3W6ws/eVK7IYp0p7dPNo4WIu4saqf4jUzl terraform"
}

resource "aws_iam_user_ssh_key" "pem" {
  username   = aws_iam_user.forced.name
  encoding   = "PEM"
  status     = "Inactive"
  public_key = <<-EOF
    -----BEGIN PUBLIC KEY-----
    MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAxHMgKPjlbOcCEJhy8ZFz
    izA5R2eQIr1AaT4y8pvpGXKp84AJFvdzMyByDclQ+L+Zix2uDjmnR99OnYVc4Exl
    IzkJWJ0xz860F1Siq0qQh7XbOlvarYKZjXJ6LXCcMtU+QGmzbykjTwUy8+vGMQzQ
    ftGdMluZZMiw5zhRbIEZ67WN66+T3wTiMRUFe94dSLQCxRZD2YcNkZn4QB87mlz9
    KpqvKC2yIjaDgczDGlwUmkQHA60qoGqcC+ik+hXko863Nr8V1aJcP1gkEBV53uG1
    j1FgaLXdaLuhPbWrTJlNR54yx5Q6PZHt1usLP3lSuyGKdKe3TzaOFiLuLGqn+I1M
    5QIDAQAB
    -----END PUBLIC KEY-----
  EOF
}

resource "aws_iam_signing_certificate" "all" {
  user_name        = aws_iam_user.other.name
  certificate_body = <<-EOF
    -----BEGIN CERTIFICATE-----
    MIIDCzCCAfOgAwIBAgIUYcT2peNpduoZpl/SpTzuFyZEgW4wDQYJKoZIhvcNAQEL
    BQAwFDESMBAGA1UEAwwJdGVycmFmb3JtMCAXDTI2MTIwMTAzMjU1OVoYDzIxMjYx
    MTA3MDMyNTU5WjAUMRIwEAYDVQQDDAl0ZXJyYWZvcm0wggEiMA0GCSqGSIb3DQEB
    AQUAA4IBDwAwggEKAoIBAQDWUtQpbzooTYY1+bnwJlMydBoy1rttbzpDYwpfn6QX
    CXmFAEX0Gc1DelJGiUi/sc2YAn7LdgrH6tc2a4FA7dmTOlRO3oBssPQP7rj/yB+f
    ZoMySRr0eskaGDiq2hfgWdlqieS6Bj4IyjAxTJkMtldUUvvMTmkRtgDsl0ga4aj8
    LyEC6TpO/Beiohqh8NvC8xByE4pBDRoXm9PWL7MFu8KUawSm3cciBfkHHkZBukkr
    ppYDSBWulaWfXqOGfC8CZ5QSrzmSjp65LxRDw7R36MvSaBxw4xel/WASe2qtSM7f
    hw3TgRQzdM7iVIH3Womfq56bjw3Fd8M/QM7G2nDdx8z1AgMBAAGjUzBRMB0GA1Ud
    DgQWBBSm6o7P/bzqY2XkD5+vMPB9LNBPUDAfBgNVHSMEGDAWgBSm6o7P/bzqY2Xk
    D5+vMPB9LNBPUDAPBgNVHRMBAf8EBTADAQH/MA0GCSqGSIb3DQEBCwUAA4IBAQBa
    jkaEzhM4NAX+UrEDFYj78f1idDOYpwipKm80meDRu2Z5IqLOTUKOcSfybNrzSwyj
    3fqhjwiOdo9z0RGpHDKBVGjGZEQPl+BF9VELexWrJiKcSIJOY4JX/YsUmRqDs5gI
    PGeiKxiX3U0SxbRzZZhXVfX843UENnAHhEAYUKz/oTNZs4MoZzciN5T3rPUm7Dwl
    Dt1RB0qh8BdKx4z+9W8aFvcSrCNHi8NZK82DVdD5Ui7j6cMB+mp65CpqKOjXw2H0
    ieCkFMCWguQwOOOd7YDhhPUT2jOtPAcRqdPn6oxSzhFuLh3NvSL2hMv0S9UUokZk
    Sy9K3U6lMkAAFTOCXzvk
    -----END CERTIFICATE-----
  EOF
}

resource "aws_iam_service_specific_credential" "all" {
  user_name    = aws_iam_user.other.name
  service_name = "codecommit.amazonaws.com"
}

resource "aws_iam_virtual_mfa_device" "all" {
  virtual_mfa_device_name = "terraform"
  path                    = "/terraform/"
}

resource "aws_iam_account_password_policy" "all" {
  minimum_password_length        = 14
  require_symbols                = true
  allow_users_to_change_password = true
  max_password_age               = 90
  password_reuse_prevention      = 5
}
