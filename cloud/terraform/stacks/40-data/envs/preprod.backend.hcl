# terraform init -backend-config=envs/preprod.backend.hcl
resource_group_name  = "rg-lav-devo-plt-frc-001"
storage_account_name = "stlavdevopltfrc001"
container_name       = "data"
key                  = "preprod.tfstate"
use_azuread_auth     = true
use_oidc             = true
