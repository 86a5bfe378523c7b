# terraform init -backend-config=envs/platform.backend.hcl
resource_group_name  = "rg-lav-devo-plt-frc-001"
storage_account_name = "stlavdevopltfrc001"
container_name       = "connectivity"
key                  = "platform.tfstate"
use_azuread_auth     = true
use_oidc             = true
